// Command importer-shelf is the fake importer of the tests. shelf://HOST:PORT/NAME
// has two variants, http://HOST:PORT/NAME-Q4_K_M.gguf and …-Q8_0.gguf, of
// ?size=BYTES each. shelf://refuse/CODE is refused with that code, and shelf://slow
// waits until nobody does any more.
package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

func main() {
	sdk.Serve(sdk.Plugin{Name: "shelf", Version: "0.1.0", Importer: shelf{}})
}

type shelf struct{}

// Resolve implements sdk.Importer.
func (shelf) Resolve(ctx context.Context, ref sdk.Ref) ([]sdk.Plan, error) {
	u, err := url.Parse(string(ref))
	if err != nil {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s is no shelf", ref)
	}
	name := strings.TrimPrefix(u.Path, "/")
	switch u.Host {
	case "refuse":
		return nil, sdk.Errorf(sdk.Code(name), "The shelf says %s", name)
	case "slow":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	size, _ := strconv.ParseInt(u.Query().Get("size"), 10, 64)
	var plans []sdk.Plan
	for _, quantization := range []string{"Q4_K_M", "Q8_0"} {
		file := fmt.Sprintf("%s-%s.gguf", name, quantization)
		plans = append(plans, sdk.Plan{
			Manifest: sdk.Manifest{ID: name + "/" + quantization, Engine: "echo", Format: "gguf",
				Metadata: map[string]any{"quantization": quantization, "parameters": 100, "context_length": 2048}},
			Files: []sdk.File{{Path: file, URL: "http://" + u.Host + "/" + file, Size: size}},
		})
	}
	return plans, nil
}

// Search implements sdk.Searcher.
func (shelf) Search(ctx context.Context, words string, limit int) ([]sdk.Hit, error) {
	var hits []sdk.Hit
	for i := range min(limit, 3) {
		hits = append(hits, sdk.Hit{Ref: sdk.Ref(fmt.Sprintf("shelf://localhost/%d", i)), Name: words, Description: "the shelf has it"})
	}
	return hits, nil
}
