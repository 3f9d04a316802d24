package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// A client reads one hub, with one token or none. It may be used concurrently.
type client struct {
	web.Catalogue
	endpoint *url.URL
	token    bool          // whether there is one; the token itself is in HTTP
	patience time.Duration // with what plans are good without
	log      hclog.Logger
}

func newClient(c sdk.Configuration) (*client, error) {
	s, endpoint, err := read(c)
	if err != nil {
		return nil, err
	}
	token := strings.TrimSpace(c.Secrets["token"])
	caller, err := web.New(web.Config{Private: append([]string{endpoint.Hostname()}, s.Private...), Tokens: map[string]string{web.Origin(endpoint): token}})
	if err != nil {
		return nil, err
	}
	return &client{Catalogue: web.Catalogue{HTTP: caller, Base: endpoint.String()}, endpoint: endpoint, token: token != "", patience: 15 * time.Second, log: c.Log}, nil
}

// An info is what the hub's API says of a repository; see ModelInfo in
// https://github.com/huggingface/huggingface_hub. What comes from
// the files and cards of people has any type at all, and is read as far as it goes.
type info struct {
	ID          string             `json:"id"`
	SHA         string             `json:"sha"` // of the commit
	Gated       gated              `json:"gated"`
	Downloads   int64              `json:"downloads"`
	PipelineTag string             `json:"pipeline_tag"`
	Tags        []string           `json:"tags"`
	CardData    loose[card]        `json:"cardData"`
	Siblings    []sibling          `json:"siblings"`
	GGUF        loose[ggufInfo]    `json:"gguf"`
	Safetensors loose[tensorsInfo] `json:"safetensors"`
}

// A sibling is a file of a repository.
type sibling struct {
	Path string `json:"rfilename"`
	Size int64  `json:"size"`
	LFS  struct {
		SHA256 string `json:"sha256"`
		Size   int64  `json:"size"`
	} `json:"lfs"`
}

// ggufInfo is what the hub has read in the header of one of the files.
type ggufInfo struct {
	Total         uint64 `json:"total"` // parameters
	Architecture  string `json:"architecture"`
	ContextLength int    `json:"context_length"`
}

type tensorsInfo struct {
	Parameters map[string]int64 `json:"parameters"` // by type
	Total      int64            `json:"total"`
}

// gated is false, "auto" or "manual".
type gated bool

// UnmarshalJSON implements json.Unmarshaler.
func (g *gated) UnmarshalJSON(data []byte) error {
	*g = gated(!bytes.Equal(data, []byte("false")) && !bytes.Equal(data, []byte("null")))
	return nil
}

// card is what the author has written above a model card.
type card struct {
	Description texts `json:"description"`
	Licence     texts `json:"license"`
	LicenceName texts `json:"license_name"`
	BaseModel   texts `json:"base_model"`
}

// loose is a value that is left empty where it is of another type.
type loose[T any] struct{ v T }

// UnmarshalJSON implements json.Unmarshaler.
func (l *loose[T]) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &l.v) != nil {
		*l = loose[T]{}
	}
	return nil
}

// texts is a text, or a list of them.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = texts{one}
		return nil
	}
	_ = json.Unmarshal(data, (*[]string)(t))
	return nil
}

// first is the first text in one line, or none.
func (t texts) first() string {
	if len(t) == 0 {
		return ""
	}
	return line(t[0], 300)
}

// info asks the hub about a repository.
func (c *client) info(ctx context.Context, t target) (*info, error) {
	path := "api/models/" + t.repo()
	if t.rev != "" {
		path += "/revision/" + url.PathEscape(t.rev)
	}
	var i info
	if _, err := c.JSON(ctx, path+"?blobs=true", &i); err != nil {
		return nil, c.explain(ctx, t, err)
	}
	if owner, name, ok := strings.Cut(i.ID, "/"); !ok || !ownerName.MatchString(owner) || !repoName(name) {
		i.ID = t.repo() // of a mirror that says something else
	}
	return &i, nil
}

// address is where the hub has a file.
func (c *client) address(repo, rev, path string) string {
	if rev == "" {
		rev = "main"
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return c.Base + "/" + repo + "/resolve/" + url.PathEscape(rev) + "/" + strings.Join(segments, "/")
}

// models asks for a list of repositories.
func (c *client) models(ctx context.Context, query url.Values) ([]info, error) {
	query["expand"] = []string{"downloads", "gated", "tags", "gguf", "pipeline_tag"}
	query.Set("sort", "downloads")
	query.Set("direction", "-1")
	var found []info
	_, err := c.JSON(ctx, "api/models?"+query.Encode(), &found)
	return found, err
}

// close ends the connections that are kept for a next call: an importer is asked
// seldom.
func (c *client) close() { c.HTTP.CloseIdleConnections() }

// says is the hub's own sentence about a refusal.
func says(header http.Header, refused *web.StatusError) string {
	if text := header.Get("X-Error-Message"); text != "" {
		return line(text, 300)
	}
	return refused.Says()
}
