// Command importer is a fake importer: the catalogue that its setting names answers
// with plans as they are, and with statuses that become errors.
package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

func main() {
	sdk.Serve(sdk.Plugin{Name: "fake", Version: "0.0.1", Importer: &importer{},
		Settings: json.RawMessage(`{"type": "object", "properties": {"catalogue": {"type": "string"}}}`)})
}

type importer struct {
	Catalogue string
	token     string
	http      *http.Client
}

func (i *importer) Configure(_ context.Context, c sdk.Configuration) error {
	i.token = c.Secrets["token"]
	var err error
	if i.http, err = web.New(web.Config{Private: []string{"*"}}); err != nil {
		return err
	}
	return json.Unmarshal(c.Settings, i)
}

// codes are what statuses of the catalogue become.
var codes = map[int]sdk.Code{http.StatusNotFound: sdk.CodeNotFound, http.StatusUnauthorized: sdk.CodeUnauthorized, http.StatusServiceUnavailable: sdk.CodeUnavailable}

func (i *importer) ask(ctx context.Context, path string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.Catalogue+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-Token", i.token)
	resp, err := i.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if code, bad := codes[resp.StatusCode]; bad {
		return sdk.Errorf(code, "the catalogue says %d to %s", resp.StatusCode, path)
	}
	return json.NewDecoder(resp.Body).Decode(v)
}

// Resolve implements [sdk.Importer].
func (i *importer) Resolve(ctx context.Context, ref sdk.Ref) (plans []sdk.Plan, err error) {
	name := strings.TrimPrefix(string(ref), "fake://")
	if _, path, ok := strings.Cut(name, "/files/"); ok {
		name = "file-" + path
	}
	return plans, i.ask(ctx, "/plans/"+name, &plans)
}

// Search implements [sdk.Searcher].
func (i *importer) Search(ctx context.Context, words string, _ int) (hits []sdk.Hit, err error) {
	return hits, i.ask(ctx, "/search?q="+words, &hits)
}
