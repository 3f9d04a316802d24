package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// quick makes an importer that does not wait long.
func (h *hub) quick(t *testing.T, token string) *importer {
	i := h.importer(t, token)
	i.client.Load().Pause = time.Millisecond
	return i
}

// refused checks that an error has a code and says what it must, and no secret.
func refused(t *testing.T, err error, code sdk.Code, says ...string) {
	t.Helper()
	if sdk.CodeOf(err) != code || err == nil {
		t.Fatalf("got %v, want %s", err, code)
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "hf_") {
		t.Errorf("%q tells the token", err)
	}
}

// TestRefusals: what the hub refuses is told apart, with what to do next.
func TestRefusals(t *testing.T) {
	h := startHub(t, repos{
		"acme/open-GGUF/m.Q4_K_M.gguf":              model("llama"),
		"acme/open-GGUF/m.Q8_0-00001-of-00003.gguf": model("llama"),
		"acme/open-GGUF/m.Q8_0-00003-of-00003.gguf": "",
		"acme/open-GGUF/mmproj-F16.gguf":            "",
		"acme/open-GGUF/README.md":                  "",
		"acme/gated-GGUF/m.Q4_K_M.gguf":             model("llama"),
		"acme/gated-GGUF/.hub.json":                 `{"gated": "manual", "granted": ["alice"], "downloads": 9}`,
		"acme/gated/model.safetensors":              safetensors(),
		"acme/gated/config.json":                    "{}",
		"acme/gated/.hub.json":                      `{"gated": "auto", "granted": ["alice"]}`,
		"acme/private-GGUF/m.Q4_K_M.gguf":           model("llama"),
		"acme/private-GGUF/.hub.json":               `{"private": true, "granted": ["alice"]}`,
		"acme/disabled-GGUF/m.Q4_K_M.gguf":          model("llama"),
		"acme/disabled-GGUF/.hub.json":              `{"disabled": true}`,
		"acme/old/pytorch_model.bin":                "",
		"acme/old/config.json":                      "{}",
		"acme/empty/.hub.json":                      "{}",
		"acme/adapter/adapter_model.safetensors":    "",
		"acme/part/m.Q8_0-00002-of-00002.gguf":      "",
		"acme/eyes/mmproj-F16.gguf":                 "",
	})
	alice, bob, none, wrong := token, "hf_bob", "", "hf_wrong"
	for _, test := range []struct {
		name, token string
		ref         sdk.Ref
		code        sdk.Code // empty: it resolves
		says        []string
	}{
		{"missing", none, "hf://acme/open-gguff", sdk.CodeNotFound, []string{"no repository 'acme/open-gguff'", "did you mean 'acme/open-GGUF'? If it is private, set HF_TOKEN"}},
		{"missing, other owner", none, "hf://acne/open-GGUF", sdk.CodeNotFound, []string{"did you mean 'acme/open-GGUF'?"}},
		{"missing, with a token", alice, "hf://nobody/nothing", sdk.CodeNotFound, []string{"no repository 'nobody/nothing' on " + strings.TrimPrefix(h.url, "http://") + ". If it is private, the token must be"}},
		{"private", none, "hf://acme/private-GGUF", sdk.CodeNotFound, []string{"If it is private, set HF_TOKEN"}},
		{"private, not for this token", bob, "hf://acme/private-GGUF", sdk.CodeNotFound, []string{"the token must be"}},
		{"private, for this token", alice, "hf://acme/private-GGUF", "", nil},
		{"gated", none, "hf://acme/gated-GGUF", sdk.CodeUnauthorized, []string{"is gated", "accept its terms at " + h.url + "/acme/gated-GGUF", h.url + "/settings/tokens", "HF_TOKEN"}},
		{"gated, not let in", bob, "hf://acme/gated-GGUF", sdk.CodeUnauthorized, []string{"has not been let in", h.url + "/acme/gated-GGUF"}},
		{"gated, let in", alice, "hf://acme/gated-GGUF", "", nil},
		{"gated safetensors", none, "hf://acme/gated", sdk.CodeUnauthorized, []string{"is gated"}},
		{"gated safetensors, let in", alice, "hf://acme/gated", "", nil},
		{"wrong token", wrong, "hf://acme/open-GGUF", sdk.CodeUnauthorized, []string{"does not accept the token", h.url + "/settings/tokens"}},
		{"disabled", none, "hf://acme/disabled-GGUF", sdk.CodeUnauthorized, []string{"has been disabled"}},
		{"revision", none, "hf://acme/open-GGUF@v9", sdk.CodeNotFound, []string{"no branch, tag or commit 'v9'"}},
		{"quantization", none, "hf://acme/open-GGUF:Q9_Z", sdk.CodeNotFound, []string{"has no 'Q9_Z'; it has Q4_K_M"}},
		{"file", none, "hf://acme/open-GGUF/n.Q4_K_M.gguf", sdk.CodeNotFound, []string{"has no 'n.Q4_K_M.gguf'"}},
		{"part of a quantization's name", none, "hf://acme/open-GGUF:Q4_K", sdk.CodeNotFound, []string{"it has Q4_K_M"}},
		{"projector", none, "hf://acme/open-GGUF:mmproj-F16.gguf", sdk.CodeInvalid, []string{"is a projector", "Q4_K_M"}},
		{"no model", none, "hf://acme/open-GGUF/README.md", sdk.CodeInvalid, []string{"is no model file", "Q4_K_M"}},
		{"not whole", none, "hf://acme/open-GGUF:Q8_0", sdk.CodeUnsupported, []string{"is not whole: part 2 of 3 is missing"}},
		{"not whole, nothing else", none, "hf://acme/part", sdk.CodeUnsupported, []string{"is not whole: part 1 of 2 is missing"}},
		{"projector alone", none, "hf://acme/eyes", sdk.CodeUnsupported, []string{"only the projector"}},
		{"other formats", none, "hf://acme/old", sdk.CodeUnsupported, []string{"only .bin, .json files", "enginebay search old"}},
		{"adapter", none, "hf://acme/adapter", sdk.CodeUnsupported, []string{"only .safetensors files"}},
		{"empty", none, "hf://acme/empty", sdk.CodeUnsupported, []string{"has no files"}},
		{"author", none, "huggingface/acme", sdk.CodeInvalid, []string{"is an author", "'hf://acme/gated-GGUF', "}},
		{"nobody", none, "hf://nobody", sdk.CodeInvalid, []string{"nobody of that name"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			plans, err := h.quick(t, test.token).Resolve(t.Context(), test.ref)
			if test.code == "" {
				if err != nil || len(plans) != 1 || plans[0].Manifest.Metadata["architecture"] == nil && plans[0].Manifest.Format == "gguf" {
					t.Fatalf("%+v, %v", plans, err)
				}
				return
			}
			refused(t, err, test.code, test.says...)
		})
	}
}

// TestFaults: what is broken for a moment does not matter, what stays broken is told.
func TestFaults(t *testing.T) {
	files := repos{"acme/open-GGUF/m.Q4_K_M.gguf": model("llama"), "acme/open-GGUF/.hub.json": `{"no_gguf": true}`}
	for name, test := range map[string]struct {
		flags []string
		code  sdk.Code // empty: it resolves
		blind bool     // without what the header says
		says  string
	}{
		"503 for a moment":       {flags: []string{"-fault", "/api/models 503 2"}},
		"broken for a moment":    {flags: []string{"-fault", "/api/models drop 2"}},
		"half for a moment":      {flags: []string{"-fault", "/api/models half 1"}},
		"503":                    {flags: []string{"-fault", "/api/models 503"}, code: sdk.CodeUnavailable, says: "has a fault at present"},
		"broken":                 {flags: []string{"-fault", "/api/models drop"}, code: sdk.CodeUnavailable, says: "does not answer"},
		"half":                   {flags: []string{"-fault", "/api/models half"}, code: sdk.CodeUnavailable},
		"login page":             {flags: []string{"-fault", "/api/models html"}, code: sdk.CodeUnavailable, says: "a web page"},
		"garbage":                {flags: []string{"-fault", "/api/models garbage"}, code: sdk.CodeUnavailable},
		"endless":                {flags: []string{"-fault", "/api/models endless"}, code: sdk.CodeUnavailable, says: "more than"},
		"418":                    {flags: []string{"-fault", "/api/models 418"}, code: sdk.CodeInvalid},
		"no ranges":              {flags: []string{"-no-ranges"}},
		"addresses that expired": {flags: []string{"-expire", "-1s"}, blind: true},
		"file 503":               {flags: []string{"-fault", "/repos 503"}, blind: true},
		"file broken":            {flags: []string{"-fault", "/repos drop"}, blind: true},
		"file is a login page":   {flags: []string{"-fault", "/repos html"}, blind: true},
		"file breaks off":        {flags: []string{"-cut", "50"}, blind: true},
		"file hangs":             {flags: []string{"-fault", "/repos hang"}, blind: true},
		"file is not there":      {flags: []string{"-fault", "/acme 404"}, blind: true},
	} {
		t.Run(name, func(t *testing.T) {
			i := startHub(t, files, test.flags...).quick(t, token)
			if test.blind {
				i.client.Load().patience = 300 * time.Millisecond
			}
			plans, err := i.Resolve(t.Context(), "hf://acme/open-GGUF")
			if test.code != "" {
				refused(t, err, test.code, test.says)
				return
			}
			if err != nil || len(plans) != 1 {
				t.Fatalf("%+v, %v", plans, err)
			}
			if _, seen := plans[0].Manifest.Metadata["architecture"]; seen == test.blind {
				t.Errorf("metadata: %+v", plans[0].Manifest.Metadata)
			}
			if size := plans[0].Manifest.Metadata["memory"].(uint64); size < uint64(len(model("llama"))) {
				t.Errorf("memory is %d, less than the file", size)
			}
		})
	}
}

func TestTooManyRequests(t *testing.T) {
	h := startHub(t, repos{"acme/open-GGUF/m.Q4_K_M.gguf": model("llama")}, "-fault", "/api/models 429")
	i := h.quick(t, "")
	i.client.Load().Tries = 1 // the hub says to wait a second before another
	_, err := i.Resolve(t.Context(), "hf://acme/open-GGUF")
	refused(t, err, sdk.CodeUnavailable, "too many requests", "HF_TOKEN")
	_, err = i.Search(t.Context(), "open", 5)
	refused(t, err, sdk.CodeUnavailable, "too many requests")
}

func TestNobodyThere(t *testing.T) {
	i := (&hub{url: "http://127.0.0.1:1"}).quick(t, "")
	_, err := i.Resolve(t.Context(), "hf://acme/open-GGUF")
	refused(t, err, sdk.CodeUnavailable, "127.0.0.1:1", "check the network")
}

func TestCalledOff(t *testing.T) {
	h := startHub(t, repos{"acme/open-GGUF/m.Q4_K_M.gguf": model("llama")}, "-fault", "/api/models hang")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := h.quick(t, "").Resolve(ctx, "hf://acme/open-GGUF")
	refused(t, err, sdk.CodeCanceled)
}
