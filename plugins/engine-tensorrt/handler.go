package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

// tritonHandler answers in OpenAI's form with a model of a Triton.
type tritonHandler struct {
	triton   *triton
	there    tritonModel
	dialect  dialect
	prompts  *prompts
	settings settings
	here     string // the model's name as users know it
}

func (t *triton) handler(ctx context.Context, req sdk.LoadRequest, s settings, name string) (*tritonHandler, error) {
	there, d, err := t.understood(ctx, name)
	if err != nil {
		return nil, err
	}
	if s.Accumulated != nil {
		d.accumulated = *s.Accumulated
	}
	h := &tritonHandler{triton: t, there: there, dialect: d, settings: s, here: req.Model.ID}
	if d.kind != "chat" {
		return h, nil
	}
	if h.prompts, err = newPrompts(s, req.Model.Dir); err != nil {
		return nil, err
	}
	if h.prompts.stops != nil {
		req.Log.Warn("no chat template is known for the model: the conversation is written in plain words; name one as chat_template", "model", req.Model.ID)
	}
	if err := h.prompts.check(ctx); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// close ends the renderer of prompts.
func (h *tritonHandler) close() {
	if h.prompts != nil {
		h.prompts.close()
	}
}

// ServeHTTP implements http.Handler.
func (h *tritonHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := readBody(r)
	if err != nil {
		openai.From(err).Write(w)
		return
	}
	switch op := sdk.Operation(strings.TrimPrefix(r.URL.Path, "/v1/")); {
	case op == sdk.OpEmbedding && h.dialect.kind == "embedding":
		err = h.embed(w, r, b)
	case op == sdk.OpChat && h.dialect.kind == "chat":
		err = h.chat(w, r, b)
	case op == sdk.OpCompletion && h.dialect.kind == "chat":
		err = h.complete(w, r, b)
	default:
		err = &openai.Error{Status: http.StatusNotFound, Message: "This model does not answer " + r.URL.Path}
	}
	if err != nil && r.Context().Err() == nil { // a client that left needs no answer
		openai.From(err).Write(w)
	}
}

func (h *tritonHandler) chat(w http.ResponseWriter, r *http.Request, b body) error {
	messages, err := b.messages()
	if err != nil {
		return err
	}
	wish, err := h.wishOf(b)
	if err != nil {
		return err
	}
	values := map[string]any{"messages": messages, "add_generation_prompt": true}
	for name, token := range h.prompts.tokens {
		values[name] = token
	}
	if kwargs := map[string]any{}; b.Read("chat_template_kwargs", &kwargs) {
		for name, v := range kwargs {
			if values[name] == nil {
				values[name] = v
			}
		}
	}
	if wish.prompt, err = h.prompts.render(r.Context(), values); err != nil {
		return err
	}
	wish.stop = append(wish.stop, h.prompts.stops...)
	a := h.answer(chatForm{}, b)
	return a.speak(r.Context(), w, []wishing{wish})
}

func (h *tritonHandler) complete(w http.ResponseWriter, r *http.Request, b body) error {
	texts, err := b.texts("prompt")
	if err != nil {
		return err
	}
	wish, err := h.wishOf(b)
	if err != nil {
		return err
	}
	var all []wishing
	for _, text := range texts {
		wish.prompt = text
		all = append(all, wish)
	}
	return h.answer(completionForm{}, b).speak(r.Context(), w, all)
}

func (h *tritonHandler) answer(f form, b body) *answer {
	a := &answer{h: h, form: f, op: f.operation(), id: f.prefix() + strings.ToLower(rand.Text()), created: time.Now().Unix()}
	b.Read("stream", &a.stream)
	var options struct {
		Usage bool `json:"include_usage"`
	}
	b.Read("stream_options", &options)
	a.tellUsage = options.Usage
	return a
}
