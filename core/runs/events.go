package runs

// An Event is one of a run's life.
type Event struct {
	Name string // as OpenAI calls it: thread.run.created …, error
	Data any    // its JSON: a *conversation.Run, …
}

// Events are those of a run as it is worked on: to its end, or to where it waits for
// the outputs of functions. The "done" that ends a stream of OpenAI's is not among
// them.
type Events struct{}

// Next blocks until the next event; false is the end.
func (e *Events) Next() (Event, bool) { return Event{}, false }

// Close says that nobody listens any more. A run that has not got to the end of its
// events is cancelled, as with any chat whose client leaves; what the model wrote so
// far is kept, as an incomplete message. May be called more than once, and from any
// goroutine.
func (e *Events) Close() {}
