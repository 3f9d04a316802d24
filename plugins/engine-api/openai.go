package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// openAI is the dialect of OpenAI and of all who speak as it does: a request goes on
// with another model's name, and its answer comes back byte by byte.
type openAI struct{}

// operations implements dialect.
func (openAI) operations(u *upstream) []sdk.Operation {
	if ops := ofKind(u.kind, u.name); ops != nil {
		return ops
	}
	ops := append([]sdk.Operation{sdk.OpChat}, u.row.has...)
	if u.kind == "" {
		ops = append(ops, sdk.OpEmbedding)
	}
	return ops
}

// serve implements dialect.
func (d openAI) serve(u *upstream, op sdk.Operation, w http.ResponseWriter, r *http.Request) error {
	return u.proxy(op, d.address(u, op), w, r)
}

// address is where an operation is answered.
func (openAI) address(u *upstream, op sdk.Operation) string {
	if op == sdk.OpTokenize || op == sdk.OpDetokenize { // llama.cpp's, at the top
		return strings.TrimSuffix(u.base.String(), "/v1") + op.Path()
	}
	return u.address(string(op))
}

// proxy asks an address that speaks OpenAI's protocol.
func (u *upstream) proxy(op sdk.Operation, address string, w http.ResponseWriter, r *http.Request) error {
	if op == sdk.OpTranscription || op == sdk.OpTranslation {
		return u.form(address, w, r)
	}
	b, err := readBody(r)
	if err != nil {
		return err
	}
	counted := u.countable(op, b)
	b = u.fit(b).with("model", u.name)
	if counted {
		b = b.with("stream_options", map[string]bool{"include_usage": true})
	}
	resp, err := u.post(r, address, b.bytes())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if counted {
		return u.relay(w, resp, &counter{w: w})
	}
	return u.relay(w, resp, w)
}

// entry is a model in a service's list, with what different services add.
type entry struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	Created       any    `json:"created"`
	OwnedBy       string `json:"owned_by"`
	Type          string `json:"type"`
	Description   string `json:"description"`
	ContextLength int    `json:"context_length"`     // OpenRouter, Together
	MaxModelLen   int    `json:"max_model_len"`      // vLLM
	ContextWindow int    `json:"context_window"`     // Groq
	MaxContext    int    `json:"max_context_length"` // Mistral
}

// models implements dialect.
func (openAI) models(ctx context.Context, u *upstream) ([]sdk.Manifest, error) {
	text, err := u.get(ctx, u.address("models"))
	if err != nil {
		return nil, err
	}
	list, err := entries(text)
	if err != nil {
		return nil, &sdk.Error{Code: sdk.CodeUnavailable, Message: fmt.Sprintf("%s answers with something else than a list of models; check base_url in engines/%s.json", u.row.name, u.account.id), Cause: err}
	}
	var offered []sdk.Manifest
	for _, e := range list {
		if isName(e.ID) && !slices.ContainsFunc(offered, func(m sdk.Manifest) bool { return m.ID == e.ID }) {
			offered = append(offered, u.offered(e))
		}
	}
	return offered, nil
}

// maxOffered is how many models of one service are looked at.
const maxOffered = 5000

// entries reads a list: OpenAI's object, or a bare array.
func entries(text []byte) ([]entry, error) {
	var object struct {
		Data []entry `json:"data"`
	}
	list := &object.Data
	if err := json.Unmarshal(text, &object); err != nil {
		if err := json.Unmarshal(text, list); err != nil {
			return nil, err
		}
	}
	return (*list)[:min(maxOffered, len(*list))], nil
}

// offered is the model file of an entry.
func (u *upstream) offered(e entry) sdk.Manifest {
	kind := map[string]string{"language": "chat", "chat": "chat", "embedding": "embedding", "image": "image", "moderation": "moderation", "rerank": "rerank"}[e.Type]
	m := u.offer(e.ID, kind)
	if created, ok := e.Created.(float64); ok && created > 0 && created < 1e11 {
		m.Created = int64(created)
	}
	if e.OwnedBy != "" {
		m.OwnedBy = u.tidy(e.OwnedBy)
	}
	if e.Name != "" {
		m.Name = u.tidy(e.Name)
	}
	if length := max(e.ContextLength, e.MaxModelLen, e.ContextWindow, e.MaxContext); length > 0 {
		m.Metadata["context_length"] = length
	}
	return m
}

// maxList bounds a list of models, in bytes.
const maxList = 32 << 20

// get reads a document of the service's, such as its list of models.
func (u *upstream) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := u.do(req)
	if err != nil {
		return nil, u.listing(ctx, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(atOnce(resp.Body, maxList))
	if err != nil {
		return nil, u.listing(ctx, err)
	}
	return text, nil
}

// listing gives the error of a list its code.
func (u *upstream) listing(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &sdk.Error{Code: sdk.CodeCanceled, Message: "the call was called off", Cause: ctx.Err()}
	}
	f := u.broken(err)
	code := sdk.CodeUnavailable
	switch {
	case f.Code == "upstream_unauthorized":
		code = sdk.CodeUnauthorized
	case f.Code == "upstream_not_found", f.Status == http.StatusMethodNotAllowed, f.Status == http.StatusNotFound:
		return sdk.Errorf(sdk.CodeUnsupported, "%s has no list of models at %s; name each model in a file, or check base_url in engines/%s.json", u.row.name, u.base.Redacted(), u.account.id)
	}
	return sdk.Errorf(code, "%s", f.Message)
}

// query is an address with one parameter.
func query(address, name, value string) string {
	if value == "" {
		return address
	}
	return address + "?" + url.Values{name: {value}}.Encode()
}
