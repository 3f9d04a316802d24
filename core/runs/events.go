package runs

import (
	"encoding/json"
	"sync"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/sdk/openai"
)

// An Event is one of a run's life.
type Event struct {
	Name string // as OpenAI calls it: thread.run.created …, error
	Data any    // its JSON: a *conversation.Thread, *conversation.Run, *conversation.Step, *conversation.Message, a delta of the two, or an *openai.Error under "error"
}

// Append adds the event to a stream of server-sent ones. An error is an object that JSON
// cannot hold: a fault of ours.
func (e Event) Append(to []byte) ([]byte, error) {
	to = append(append(append(to, "event: "...), e.Name...), "\ndata: "...)
	if p, ok := e.Data.(piece); ok {
		return append(p.append(to), "\n\n"...), nil
	}
	data, err := json.Marshal(e.Data)
	return append(append(to, data...), "\n\n"...), err
}

// backlog is how many events may wait for a listener before the model's answer is
// read no further: the engine is then slowed as by any client that reads slowly.
const backlog = 256

// Events are those of a run as it is worked on: to its end, or to where it waits for
// the outputs of functions. The "done" that ends a stream of OpenAI's is not among
// them. Next is for one goroutine; Close may be called from any.
type Events struct {
	leave func() // nobody listens any more

	mu     sync.Mutex
	queue  []Event
	over   bool          // no more will come
	closed bool          // nobody listens
	more   chan struct{} // wakes Next: something above has changed
	less   chan struct{} // wakes room: the queue is shorter, or nobody listens
}

func newEvents(leave func()) *Events {
	return &Events{leave: leave, more: make(chan struct{}, 1), less: make(chan struct{}, 1)}
}

// Next blocks until the next event; false is the end.
func (e *Events) Next() (Event, bool) {
	for {
		event, ok, wait := e.take()
		if !wait {
			return event, ok
		}
		<-e.more
	}
}

func (e *Events) take() (event Event, ok, wait bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return Event{}, false, false
	case len(e.queue) > 0:
		event, e.queue = e.queue[0], e.queue[1:]
		wake(e.less)
		return event, true, false
	}
	return Event{}, false, !e.over
}

// Close says that nobody listens any more. A run that has not got to the end of its
// events is cancelled, as with any chat whose client leaves; what the model wrote so
// far is kept, as an incomplete message. May be called more than once.
func (e *Events) Close() {
	e.mu.Lock()
	left := !e.over && !e.closed
	e.closed, e.queue = true, nil
	e.mu.Unlock()
	wake(e.more)
	wake(e.less)
	if left {
		e.leave()
	}
}

// put adds an event, and never blocks. On a nil Events it does nothing, as all below.
func (e *Events) put(name string, data any) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.queue = append(e.queue, Event{name, data})
		wake(e.more)
	}
}

// room blocks until the listener has caught up, or has left, or done ends.
func (e *Events) room(done <-chan struct{}) {
	for e != nil && e.full() {
		select {
		case <-e.less:
		case <-done:
			return
		}
	}
}

func (e *Events) full() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.queue) >= backlog && !e.closed
}

// finish says that no more will come.
func (e *Events) finish() {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	wake(e.more)
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// A delta is what a step gained.
type delta struct {
	ID     string `json:"id"`
	Object string `json:"object"`
	Delta  any    `json:"delta"`
}

// A piece is what the model added to a message. There are many: their JSON, which is a
// delta's, is written here and not by encoding/json.
type piece struct {
	message string // its id
	text    string
	thought bool // it is what the model thinks before it answers
	first   bool // of the message's text: clients make their object of it, with its annotations
}

// MarshalJSON implements json.Marshaler.
func (p piece) MarshalJSON() ([]byte, error) { return p.append(nil), nil }

func (p piece) append(to []byte) []byte {
	to = gjson.AppendJSONString(append(to, `{"id":`...), p.message)
	to = append(to, `,"object":"thread.message.delta","delta":{`...)
	if p.thought {
		return append(gjson.AppendJSONString(append(to, `"reasoning_content":`...), p.text), "}}"...)
	}
	to = gjson.AppendJSONString(append(to, `"content":[{"index":0,"type":"text","text":{"value":`...), p.text)
	if p.first {
		to = append(to, `,"annotations":[]`...)
	}
	return append(to, "}}]}}"...)
}

type stepDelta struct {
	Details struct {
		Type  string      `json:"type"`
		Calls []callDelta `json:"tool_calls"`
	} `json:"step_details"`
}

// callDelta is what a call gained: its id and name come once, its arguments in pieces.
type callDelta struct {
	Index    int            `json:"index"`
	ID       string         `json:"id,omitempty"`
	Type     string         `json:"type"`
	Function map[string]any `json:"function"`
}

// errorData is the data of the event "error", in the form that each of OpenAI's
// libraries reads.
type errorData struct {
	Error *openai.Error `json:"error"`
}
