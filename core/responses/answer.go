package responses

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
)

// An Answer puts into what an engine answers what is ours, and stores it.
type Answer struct {
	Request *Request
	ID      string              // of the response
	Dropped int                 // items of the input that were left out
	Before  []conversation.Item // what went before
	Given   []conversation.Item // what the request brings, as it is kept

	// Save stores the response; it is called once, and nil where nothing is stored.
	// What it returns goes to the log.
	Save  func(*conversation.Response) error
	Limit int // bytes of a response with its input that is stored

	// Free is called before a response is stored: nothing more is wanted of the engine,
	// and a database may take its time. It may be nil.
	Free func()
	// Left says whether the client has left.
	Left func() bool
	// Failed is told why a response is not stored that was to be.
	Failed func(error)
}

// Whole returns an engine's answer with what is ours in it, and stores it. What is no
// object stays as it is, and so does what is too deep: gjson would end the process on it.
func (a *Answer) Whole(body []byte) []byte {
	if !json.Valid(body) || !gjson.ParseBytes(body).IsObject() {
		return body
	}
	return a.end(body, nil)
}

// Stream returns an engine's events with what is ours in them. The response is stored
// before its last event is read. Of a stream that ends without one, what came is
// stored when it is closed.
func (a *Answer) Stream(body io.ReadCloser) io.ReadCloser {
	return &stream{answer: a, body: body}
}

// end puts what is ours into the response's last state, and stores it. Where the output
// is nil, it is the response's own.
func (a *Answer) end(response []byte, output []string) []byte {
	response = a.ours(response, a.Save != nil)
	if a.Save == nil {
		return response
	}
	if output == nil {
		for _, item := range gjson.GetBytes(response, "output").Array() {
			output = append(output, item.Raw)
		}
	}
	if a.Free != nil {
		a.Free()
	}
	if err := a.save(response, output); err != nil {
		a.Failed(err)
		response = put(response, member{"store", []byte("false")})
	}
	return response
}

func (a *Answer) save(response []byte, output []string) error {
	r := &conversation.Response{ID: a.ID, CreatedAt: gjson.GetBytes(response, "created_at").Int(), Previous: a.Request.Previous, Conversation: a.Request.Conversation,
		Body: clean(bytes.Clone(response)), Input: a.Given}
	size := len(r.Body)
	used := map[string]bool{}
	for _, item := range a.Before {
		used[item.ID] = true
	}
	for _, raw := range output {
		item := answered(raw, used)
		used[item.ID] = true
		r.Output = append(r.Output, item)
		size += len(item.Body)
	}
	for _, item := range r.Input {
		size += len(item.Body)
	}
	if size > a.Limit {
		return fmt.Errorf("it has %d bytes, and %d are the limit", size, a.Limit)
	}
	if len(output) == 0 { // a conversation goes on when there is an answer: who asks again would have the question twice
		r.Conversation = ""
	}
	return a.Save(r)
}

// ours is a response with our id, and with what it goes on from.
func (a *Answer) ours(response []byte, stored bool) []byte {
	was := gjson.ParseBytes(response)
	truncation, store := "disabled", "false"
	if a.Request.Auto {
		truncation = "auto"
	}
	if stored {
		store = "true"
	}
	changes := []member{{"id", quoted(a.ID)}, {"object", quoted("response")}, {"previous_response_id", orNull(a.Request.Previous)}, {"conversation", a.conversation()},
		{"store", []byte(store)}, {"truncation", quoted(truncation)}, {"background", []byte("false")}}
	if was.Get("created_at").Int() == 0 {
		changes = append(changes, member{"created_at", fmt.Append(nil, time.Now().Unix())})
	}
	if len(a.Request.Metadata) > 0 {
		changes = append(changes, member{"metadata", a.Request.Metadata})
	}
	if a.Dropped > 0 {
		changes = append(changes, member{"truncated", fmt.Appendf(nil, `{"items":%d}`, a.Dropped)})
	}
	return put(response, changes...)
}

func (a *Answer) conversation() []byte {
	if a.Request.Conversation == "" {
		return []byte("null")
	}
	return put([]byte("{}"), member{"id", quoted(a.Request.Conversation)})
}

func orNull(text string) json.RawMessage {
	if text == "" {
		return []byte("null")
	}
	return quoted(text)
}
