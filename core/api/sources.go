package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// lookTimeout is for a look into a catalogue, which may have to read the headers
// of many files.
const lookTimeout = 2 * time.Minute

// look asks catalogues, as long as the client waits, and not for ever.
func look[T any](c *fiber.Ctx, param string, ask func(context.Context) (T, error)) (T, error) {
	client, done := clientContext(c.Context().Conn())
	defer done()
	ctx, cancel := context.WithTimeout(observed(c).within(client), lookTimeout)
	defer cancel()
	found, err := ask(ctx)
	switch {
	case err == nil:
	case client.Err() != nil:
		err = sdk.Errorf(sdk.CodeCanceled, "The client left")
	case ctx.Err() != nil:
		err = &core.RetryError{Err: sdk.Errorf(sdk.CodeUnavailable, "The source did not answer within %v; try again", lookTimeout), After: 5 * time.Second}
	}
	return found, ofSource(err, param)
}

// ofSource says that an error is of a source and not of this server: nobody is to
// take a catalogue's refusal for one of the API key, or its lack of something for
// one of a model that is here.
func ofSource(err error, param string) error {
	var coded *sdk.Error
	if !errors.As(err, &coded) || errors.Is(err, store.ErrConflict) {
		return err
	}
	answer := *translate(err)
	switch coded.Code {
	case sdk.CodeUnauthorized:
		answer.Code = orNil("source_unauthorized")
	case sdk.CodeNotFound:
		answer.Code = orNil("source_not_found")
	case sdk.CodeInvalid, sdk.CodeUnsupported:
	default:
		return err
	}
	answer.Param = orNil(param)
	return &answer
}

// plan is a variant of a source, as it is answered.
type plan struct {
	Object        string     `json:"object"`
	Variant       string     `json:"variant"`
	ID            string     `json:"id"`
	Size          int64      `json:"size"`   // bytes of all files; 0 where unknown
	Memory        uint64     `json:"memory"` // bytes, estimated; 0 where unknown
	Fits          bool       `json:"fits"`
	Default       bool       `json:"default"`
	Ref           string     `json:"ref,omitempty"`     // of this variant alone, where it has one
	State         string     `json:"state,omitempty"`   // of the model that is there already
	Error         string     `json:"error,omitempty"`   // why it cannot be used
	Warning       string     `json:"warning,omitempty"` // why nothing here runs it
	Quantization  any        `json:"quantization,omitempty"`
	Parameters    any        `json:"parameters,omitempty"`
	ContextLength any        `json:"context_length,omitempty"`
	Files         []planFile `json:"files"`
}

type planFile struct {
	Path   string `json:"path"`
	URL    string `json:"url"`
	Size   int64  `json:"size"` // bytes; 0 where unknown
	SHA256 string `json:"sha256,omitempty"`
}

// showPlans answers GET /v1/plans?ref=REF: what a source can become.
func (s *Server) showPlans(c *fiber.Ctx) error {
	req := core.PullRequest{Ref: sdk.Ref(asked(c, "ref")), Variant: asked(c, "variant"), Importer: asked(c, "importer")}
	if req.Ref == "" {
		return fault(http.StatusBadRequest, "Say which source to look at, as in ?ref=hf://OWNER/REPO", "ref", "missing_ref")
	}
	if err := onlyFromHere(c, req); err != nil {
		return err
	}
	plans, err := look(c, "ref", func(ctx context.Context) (core.Plans, error) { return s.runtime.Plans(ctx, req) })
	if err != nil {
		return err
	}
	data := make([]plan, len(plans.Variants))
	for i, v := range plans.Variants {
		data[i] = planOf(v)
	}
	return c.JSON(fiber.Map{"object": "list", "importer": plans.Importer, "data": data})
}

func planOf(v core.Variant) plan {
	about := v.Manifest.Metadata
	p := plan{Object: "plan", Variant: v.Name, ID: v.ID, Size: v.Size, Memory: v.Memory, Fits: v.Fits, Default: v.Default, State: v.State,
		Quantization: about["quantization"], Parameters: about["parameters"], ContextLength: about["context_length"], Files: []planFile{}}
	p.Ref, p.Warning = string(v.Ref), v.Warning
	if v.Err != nil {
		p.Error = core.Reason(v.Err)
	}
	for _, f := range v.Files {
		p.Files = append(p.Files, planFile{Path: f.Path, URL: f.URL, Size: f.Size, SHA256: f.SHA256})
	}
	return p
}

const defaultHits, maxHits = 20, 100

// search answers GET /v1/search?q=WORDS.
func (s *Server) search(c *fiber.Ctx) error {
	words, importer := asked(c, "q"), asked(c, "importer")
	if words == "" {
		return fault(http.StatusBadRequest, "Say what to search for, as in ?q=llama+instruct", "q", "missing_q")
	}
	limit, err := strconv.Atoi(c.Query("limit", strconv.Itoa(defaultHits)))
	if err != nil || limit < 1 || limit > maxHits {
		return fault(http.StatusBadRequest, fmt.Sprintf("limit is a number from 1 to %d", maxHits), "limit", "invalid_value")
	}
	hits, err := look(c, "importer", func(ctx context.Context) ([]core.Found, error) { return s.runtime.Search(ctx, words, importer, limit) })
	if err != nil {
		return err
	}
	data := make([]fiber.Map, len(hits))
	for i, hit := range hits {
		data[i] = fiber.Map{"object": "hit", "ref": hit.Ref, "name": hit.Name, "description": hit.Description, "importer": hit.Importer}
	}
	return c.JSON(fiber.Map{"object": "list", "data": data})
}

// asked is a value of the query that outlives the request.
func asked(c *fiber.Ctx, name string) string { return strings.Clone(c.Query(name)) }
