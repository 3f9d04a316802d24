package main

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/genai"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

// google is the dialect of the Gemini API, by Google's official client. Chats and
// embeddings are translated.
type google struct{}

// operations implements dialect.
func (google) operations(u *upstream) []sdk.Operation {
	if u.kind == "embedding" {
		return []sdk.Operation{sdk.OpEmbedding}
	}
	return []sdk.Operation{sdk.OpChat}
}

// listen implements listener.
func (google) listen(next http.RoundTripper) http.RoundTripper { return googleErrors{next} }

// serve implements dialect.
func (google) serve(u *upstream, op sdk.Operation, w http.ResponseWriter, r *http.Request) error {
	if !googleName.MatchString(u.name) {
		return openai.Errorf("model", "model_not_found", "'%s' is no name of a model at %s; check model in the settings of '%s'", u.name, u.row.name, u.id)
	}
	switch op {
	case sdk.OpChat:
		return googleChats(u, w, r)
	case sdk.OpEmbedding:
		return googleEmbeds(u, w, r)
	}
	return openai.Errorf("model", "unsupported_operation", "%s answers chats and embeddings", u.row.name)
}

// googleName is what may stand in the path of a request: a name, or a tuned model.
var googleName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$`)

// googleChats asks for a whole answer as a stream too: so the time-outs can tell a
// model that thinks from a service that is dead.
func googleChats(u *upstream, w http.ResponseWriter, r *http.Request) error {
	c, err := u.readGoogle(r)
	if err != nil {
		return err
	}
	contents, config, err := c.request(u.name)
	if err != nil {
		return err
	}
	call := u.googleCall(r)
	events, stop := iter.Pull2(call.client.Models.GenerateContentStream(call.context, u.name, contents, config))
	defer stop()
	answer := newGoogleAnswer(w, u, c)
	for {
		event, err := call.next(events)
		if err != nil {
			return err
		}
		if event == nil {
			return answer.end()
		}
		if err := answer.take(event); err != nil {
			return err
		}
	}
}

// models implements dialect: it reads page after page.
func (google) models(ctx context.Context, u *upstream) ([]sdk.Manifest, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.base.String(), nil)
	if err != nil {
		return nil, err
	}
	call := u.googleCall(r)
	var all []sdk.Manifest
	for token, pages := "", 0; pages < 100 && len(all) < maxOffered; pages++ {
		page, err := safely(call, func() (genai.Page[genai.Model], error) {
			return call.client.Models.List(call.context, &genai.ListModelsConfig{PageSize: 1000, PageToken: token})
		})
		if err != nil {
			return nil, u.listing(ctx, err)
		}
		for _, from := range page.Items {
			if m, ok := u.googleOffer(from); ok {
				all = append(all, m)
			}
		}
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	return all[:min(len(all), maxOffered)], nil
}

// googleKinds are what a model is for, by what it can be asked.
var googleKinds = []struct{ action, kind string }{
	{"generateContent", "chat"}, {"embedContent", "embedding"}, {"predict", "image"}, {"predictLongRunning", "video"},
}

// googleOffer is the model file of a listed model; not of one that no request of
// ours could ask.
func (u *upstream) googleOffer(from *genai.Model) (sdk.Manifest, bool) {
	if from == nil {
		return sdk.Manifest{}, false
	}
	name := strings.TrimPrefix(from.Name, "models/")
	i := slices.IndexFunc(googleKinds, func(k struct{ action, kind string }) bool { return slices.Contains(from.SupportedActions, k.action) })
	if i < 0 || !googleName.MatchString(name) || !isName(name) {
		return sdk.Manifest{}, false
	}
	m := u.offer(name, googleKinds[i].kind)
	m.Name, m.Description = cmp.Or(u.tidy(from.DisplayName), name), u.tidy(from.Description)
	if m.Metadata["type"] == "chat" && strings.HasPrefix(name, "gemini-") {
		m.Metadata["vision"] = true // the list does not say it, and all of these see
	}
	if from.InputTokenLimit > 0 {
		m.Metadata["context_length"] = from.InputTokenLimit
	}
	return m, true
}
