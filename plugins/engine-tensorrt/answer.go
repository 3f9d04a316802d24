package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

// answer is one in the making: as a whole, or as a stream.
type answer struct {
	h         *tritonHandler
	form      form
	op        sdk.Operation
	id        string
	created   int64
	stream    bool
	tellUsage bool

	out    *openai.Stream
	begun  bool // whether a piece was sent
	usage  usage
	chosen []map[string]any
}

// errEnough ends a request whose stop word was found.
var errEnough = errors.New("a stop word was found")

// speak answers the wishes one after the other. An error is one before the first byte.
func (a *answer) speak(ctx context.Context, w http.ResponseWriter, all []wishing) error {
	a.out = openai.NewStream(w, a.op)
	for i, wish := range all {
		if err := a.one(ctx, i, wish); err != nil {
			if !a.begun {
				return err
			}
			if ctx.Err() == nil { // the client is still there
				a.out.Fail(err)
			}
			return nil
		}
	}
	if a.stream {
		a.finish()
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	whole := a.head(a.form.object(false))
	whole["choices"], whole["usage"] = a.chosen, a.usage.total()
	return json.NewEncoder(w).Encode(whole)
}

// one asks the model once.
func (a *answer) one(ctx context.Context, index int, w wishing) error {
	s := &speech{accumulated: a.h.dialect.accumulated, stops: w.stop}
	if a.h.dialect.echoes(a.h.there) {
		s.prompt = w.prompt
	}
	t := turn{limit: w.limit}
	var text bytes.Buffer
	say := func(piece string) {
		if text.WriteString(piece); a.stream && piece != "" {
			a.piece(index, piece, nil)
		}
	}
	err := a.h.triton.generate(ctx, a.h.there.name, a.h.dialect.inputs(a.h.there, w.wish), func(o outputs) error {
		t.read(o)
		say(s.add(o.text(a.h.dialect.answer)))
		if len(s.whole) > maxAnswer {
			return tooLarge(a.h.triton.host())
		}
		if s.stopped {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	say(s.rest())
	a.usage.add(t, s, w.prompt)
	reason := t.reason(s)
	if a.stream {
		a.piece(index, "", reason)
		return nil
	}
	a.chosen = append(a.chosen, a.form.choice(index, text.String(), reason))
	return nil
}

// head is what every answer and every event has.
func (a *answer) head(object string) map[string]any {
	return map[string]any{"id": a.id, "object": object, "created": a.created, "model": a.h.here}
}

// piece sends an event of the stream.
func (a *answer) piece(index int, text string, reason any) {
	event := a.head(a.form.object(true))
	event["choices"] = []any{a.form.piece(index, text, reason, !a.begun)}
	if a.tellUsage {
		event["usage"] = nil
	}
	a.begun = true
	_ = a.out.Send(event) // where the client has left, the request is called off
}

func (a *answer) finish() {
	if a.tellUsage {
		last := a.head(a.form.object(true))
		last["choices"], last["usage"] = []any{}, a.usage.total()
		_ = a.out.Send(last)
	}
	_ = a.out.Done()
}

// A form is what chats and completions do differently.
type form interface {
	operation() sdk.Operation
	prefix() string
	object(stream bool) string
	choice(index int, text, reason string) map[string]any
	piece(index int, text string, reason any, first bool) map[string]any
}

type chatForm struct{}

func (chatForm) operation() sdk.Operation { return sdk.OpChat }

func (chatForm) prefix() string { return "chatcmpl-" }

func (chatForm) object(stream bool) string {
	if stream {
		return "chat.completion.chunk"
	}
	return "chat.completion"
}

func (chatForm) choice(index int, text, reason string) map[string]any {
	return map[string]any{"index": index, "message": map[string]any{"role": "assistant", "content": text, "refusal": nil}, "logprobs": nil, "finish_reason": reason}
}

func (chatForm) piece(index int, text string, reason any, first bool) map[string]any {
	delta := map[string]any{}
	if first {
		delta["role"] = "assistant"
	}
	if first || reason == nil {
		delta["content"] = text
	}
	return map[string]any{"index": index, "delta": delta, "logprobs": nil, "finish_reason": reason}
}

type completionForm struct{}

func (completionForm) operation() sdk.Operation { return sdk.OpCompletion }

func (completionForm) prefix() string     { return "cmpl-" }
func (completionForm) object(bool) string { return "text_completion" }

func (completionForm) choice(index int, text, reason string) map[string]any {
	return map[string]any{"index": index, "text": text, "logprobs": nil, "finish_reason": reason}
}

func (completionForm) piece(index int, text string, reason any, _ bool) map[string]any {
	return map[string]any{"index": index, "text": text, "logprobs": nil, "finish_reason": reason}
}
