package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

// cohere is the dialect of Cohere's API, version 2.
type cohere struct{}

// operations implements dialect.
func (cohere) operations(u *upstream) []sdk.Operation {
	if ops := ofKind(u.kind, u.name); ops != nil {
		return ops
	}
	return []sdk.Operation{sdk.OpChat}
}

// serve implements dialect.
func (d cohere) serve(u *upstream, op sdk.Operation, w http.ResponseWriter, r *http.Request) error {
	switch op {
	case sdk.OpChat:
		return d.chat(u, w, r)
	case sdk.OpEmbedding:
		return d.embed(u, w, r)
	case sdk.OpRerank:
		return d.rerank(u, w, r)
	}
	return openai.Errorf("model", "unsupported_operation", "%s does not answer /v1/%s; take it out of operations in the settings of '%s'", u.row.name, op, u.id)
}

// chat asks for a whole answer as a stream too: so the time-outs can tell a slow
// model from a service that is dead.
func (cohere) chat(u *upstream, w http.ResponseWriter, r *http.Request) error {
	c, err := u.readChat(r)
	if err != nil {
		return err
	}
	asked, err := cohereAsk(u, c)
	if err != nil {
		return err
	}
	resp, err := cohereSend(u, r, "chat", asked)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := u.streams(w, resp); err != nil {
		return err
	}
	said := cohereAnswer{completion: newCompletion(w, u, c), upstream: u, requestID: requestID(resp.Header)}
	if err := openai.ReadEvents(bounded(resp.Body, maxEvent), said.take); err != nil {
		return err
	}
	return said.end()
}

// models implements dialect: it reads page after page.
func (cohere) models(ctx context.Context, u *upstream) ([]sdk.Manifest, error) {
	var all []sdk.Manifest
	page := ""
	for range maxOffered / 100 { // pages; a list that never ends is cut
		address := cohereBase(u) + "/v1/models?page_size=1000"
		if page != "" {
			address += "&page_token=" + url.QueryEscape(page)
		}
		text, err := u.get(ctx, address)
		if err != nil {
			return nil, err
		}
		if !valid(text) || !gjson.GetBytes(text, "models").IsArray() {
			return nil, sdk.Errorf(sdk.CodeUnavailable, "%s answers with something else than a list of models; check base_url in engines/%s.json", u.row.name, u.account.id)
		}
		for _, from := range gjson.GetBytes(text, "models").Array() {
			if m, ok := cohereOffer(u, from); ok && len(all) < maxOffered {
				all = append(all, m)
			}
		}
		if page = gjson.GetBytes(text, "next_page_token").Str; page == "" {
			break
		}
	}
	return all, nil
}

// cohereOffer is the model file of an entry; ok says whether the engine can ask it.
func cohereOffer(u *upstream, from gjson.Result) (m sdk.Manifest, ok bool) {
	name := from.Get("name").Str
	if !isName(name) || from.Get("is_deprecated").Bool() {
		return m, false
	}
	for _, endpoint := range from.Get("endpoints").Array() {
		if kind := map[string]string{"chat": "chat", "embed": "embedding", "rerank": "rerank"}[endpoint.Str]; kind != "" {
			m = u.offer(name, kind)
			if length := from.Get("context_length").Int(); length > 0 {
				m.Metadata["context_length"] = length
			}
			return m, true
		}
	}
	return m, false
}

// cohereBase is the address without the version, which differs by operation.
func cohereBase(u *upstream) string {
	return strings.TrimSuffix(strings.TrimSuffix(u.base.String(), "/v1"), "/v2")
}

// cohereSend asks an operation of version 2.
func cohereSend(u *upstream, r *http.Request, operation string, body any) (*http.Response, error) {
	resp, err := u.post(r, cohereBase(u)+"/v2/"+operation, encode(body))
	var f *openai.Error
	if errors.As(err, &f) {
		switch f.Status {
		case 498: // what the service's usage policy does not allow
			f.Status, f.Code = http.StatusBadRequest, "content_policy_violation"
		case 499: // it called the request off
			f.Status = http.StatusServiceUnavailable
		}
	}
	return resp, err
}

// cohereRead asks an operation whose answer comes at once.
func cohereRead(u *upstream, w http.ResponseWriter, r *http.Request, operation string, body, into any) error {
	resp, err := cohereSend(u, r, operation, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(atOnce(resp.Body, maxAnswer)).Decode(into); err != nil {
		if garbled(err) {
			return u.nonsense()
		}
		return err
	}
	if id := requestID(resp.Header); id != "" {
		w.Header().Set("X-Upstream-Request-Id", id)
	}
	return nil
}
