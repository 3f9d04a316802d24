package sdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

// parrot is an engine that repeats what it hears.
type parrot struct{}

// Load makes an instance whose handler answers in the plugin's own process.
func (parrot) Load(ctx context.Context, req sdk.LoadRequest, progress func(sdk.Progress)) (sdk.Instance, error) {
	progress(sdk.Progress{Fraction: 0.5, Note: "clearing its throat"})
	return sdk.NewInstance(sdk.Endpoint{Handler: repeat(req.Model.ID), Operations: []sdk.Operation{sdk.OpCompletion}}, nil), nil
}

func repeat(model string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := openai.ReadBody(r)
		if err != nil {
			openai.From(err).Write(w)
			return
		}
		var prompt string
		body.Read("prompt", &prompt)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"object": "text_completion", "model": model,
			"choices": []any{map[string]any{"index": 0, "text": prompt, "finish_reason": "stop", "logprobs": nil}}})
	})
}

// A whole engine. It cannot be started by hand: the core does that.
func ExampleServe() {
	sdk.Serve(sdk.Plugin{Name: "parrot", Version: "1.0.0", Engine: parrot{}})
}

// shelf is an importer of models that lie beside each other on a web server.
type shelf struct{}

// Resolve says what there is to fetch; the core fetches it.
func (shelf) Resolve(ctx context.Context, ref sdk.Ref) ([]sdk.Plan, error) {
	name, ok := strings.CutPrefix(string(ref), "shelf://")
	if !ok || name == "" {
		return nil, sdk.Errorf(sdk.CodeInvalid, "'%s' names no model; write shelf://MODEL", ref)
	}
	return []sdk.Plan{{
		Manifest: sdk.Manifest{ID: name, Name: name, Format: "gguf", Engine: "llamacpp"},
		Files:    []sdk.File{{Path: name + ".gguf", URL: "https://models.example.com/" + name + ".gguf"}},
	}}, nil
}

// A whole importer. plugin.json says which refs are its: {"schemes": ["shelf"]}.
func ExampleServe_importer() {
	sdk.Serve(sdk.Plugin{Name: "shelf", Version: "1.0.0", Importer: shelf{}})
}

func ExampleImporter() {
	plans, err := shelf{}.Resolve(context.Background(), "shelf://tiny")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(plans[0].Manifest.ID, plans[0].Files[0].URL)
	// Output: tiny https://models.example.com/tiny.gguf
}

// The settings of a load are every layer merged, and valid by the plugin's schema.
func ExampleLoadRequest_Decode() {
	req := sdk.LoadRequest{Model: sdk.Model{ID: "tiny"}, Settings: json.RawMessage(`{"ctx_len": 4096, "of_another_engine": true}`)}
	settings := struct {
		CtxLen int `json:"ctx_len"`
		Slots  int `json:"slots"`
	}{Slots: 4} // where the schema has no default
	if err := req.Decode(&settings); err != nil {
		fmt.Println(err)
	}
	fmt.Println(settings.CtxLen, settings.Slots)
	// Output: 4096 4
}

// A code is for whoever decides; the sentence is for the user, with the next step.
func ExampleErrorf() {
	var err error = sdk.Errorf(sdk.CodeNotFound, "the service has no model '%s'; did you mean '%s'?", "gpt-4p", "gpt-4o")
	err = fmt.Errorf("load: %w", err)
	fmt.Println(sdk.CodeOf(err))
	fmt.Println(err)
	// Output:
	// not_found
	// load: the service has no model 'gpt-4p'; did you mean 'gpt-4o'?
}

// A Cause is for the log alone.
func ExampleError() {
	_, cause := os.ReadFile("/no/such/file")
	err := &sdk.Error{Code: sdk.CodeInvalid, Message: "the vocabulary cannot be read; download the model again", Cause: cause}
	fmt.Println(err.Message)
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output:
	// the vocabulary cannot be read; download the model again
	// true
}

// An instance gives back what it took when it is closed, and says so when it ends by
// itself before.
func ExampleNewInstance() {
	instance := sdk.NewInstance(sdk.Endpoint{Handler: repeat("polly")}, func(context.Context) error {
		fmt.Println("the weights are let go")
		return nil
	})
	instance.End(sdk.Errorf(sdk.CodeUnavailable, "the card fell off the bus"))
	fmt.Println(instance.Wait())
	_ = instance.Close(context.Background())
	// Output:
	// the card fell off the bus
	// the weights are let go
}

func ExampleNear() {
	fmt.Println(sdk.Near("4o-mini", []string{"gpt-4o", "gpt-4o-mini", "whisper-1"}))
	// Output: [gpt-4o-mini]
}
