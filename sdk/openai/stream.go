package openai

import (
	"fmt"
	"net/http"

	"github.com/enginebay/enginebay/sdk"
)

// A Stream is an answer in pieces: server-sent events, each sent at once. It is not for
// concurrent use. A write fails when the client has left, which the request's context
// says too: end the work then.
type Stream struct {
	w     http.ResponseWriter
	op    sdk.Operation
	begun bool
}

// NewStream begins an answer to an operation. Nothing is sent before the first event, so
// that until then the answer can still be an error with a status of its own.
func NewStream(w http.ResponseWriter, op sdk.Operation) *Stream { return &Stream{w: w, op: op} }

// Send sends one event: v as JSON, such as a "chat.completion.chunk".
func (s *Stream) Send(v any) error {
	text, err := marshal(v)
	if err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	return s.write(fmt.Appendf(nil, "data: %s\n\n", text))
}

// Done ends the stream as clients of chats and completions expect it: with [DONE].
func (s *Stream) Done() error { return s.write([]byte("data: [DONE]\n\n")) }

// Fail answers with an error, see [From]: before the first event as a whole answer with
// its status, and after it as the last event.
func (s *Stream) Fail(err error) {
	e := From(err)
	if !s.begun {
		e.Write(s.w)
		return
	}
	_ = s.write(e.Event(s.op)) // a client that left needs no answer
}

func (s *Stream) write(event []byte) error {
	if !s.begun {
		s.w.Header().Set("Content-Type", "text/event-stream")
		s.begun = true
	}
	if _, err := s.w.Write(event); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}
