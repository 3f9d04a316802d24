package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// binary is the plugin's program.
var binary string

func TestMain(m *testing.M) { sdktest.Main(m, &binary) }

const (
	token = "t0ken-of-the-folder"
	two   = `{"models": [
		{"name": "tiny", "description": "A small guide", "files": [{"path": "tiny/tiny Q4.gguf", "size": 9, "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]},
		{"name": "pair", "files": [{"path": "pair/w.gguf"}, {"path": "pair/mmproj.gguf", "size": 3}]}]}`
)

// folder is a web server with a folder at /public, for those who have the token.
func folder(t *testing.T, index string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+token:
			http.Error(w, "who are you?", http.StatusUnauthorized)
		case r.URL.Path != "/public/index.json":
			http.NotFound(w, r)
		default:
			fmt.Fprint(w, index)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/public"
}

func TestConformance(t *testing.T) {
	own := folder(t, two)
	c := sdktest.ImporterCase{
		Settings: json.RawMessage(fmt.Sprintf(`{"folder": %q}`, own)),
		Secrets:  map[string]string{"token": token},
		Ref:      "dir://",
		Missing:  "dir://#tinny",
		Bad:      "dir://user:password@host/",
		Words:    "small TINY",
	}
	t.Run("in process", func(t *testing.T) { sdktest.Importer(t, sdktest.Subject{Plugin: plugin}, c) })
	t.Run("program", func(t *testing.T) { sdktest.Importer(t, sdktest.Subject{Path: binary}, c) })
}

// configured is an importer whose own folder is at an address.
func configured(t *testing.T, own, token string) *importer {
	t.Helper()
	i := &importer{}
	c := sdk.Configuration{Settings: json.RawMessage(fmt.Sprintf(`{"folder": %q}`, own)), Secrets: map[string]string{"token": token}}
	if err := i.Configure(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return i
}

func TestResolve(t *testing.T) {
	own := folder(t, two)
	i := configured(t, own+"/", token)
	host := strings.TrimPrefix(own, "http://")
	for ref, want := range map[sdk.Ref]string{"dir://": "tiny pair", "dir://#pair": "pair", sdk.Ref("dir://" + host): "tiny pair", sdk.Ref("dir://" + host + "/#tiny"): "tiny"} {
		plans, err := i.Resolve(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, p := range plans {
			names = append(names, p.Manifest.ID)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s", ref, got)
		}
	}
	plans, err := i.Resolve(t.Context(), "dir://#tiny")
	if err != nil {
		t.Fatal(err)
	}
	want := sdk.File{Path: "tiny Q4.gguf", URL: own + "/tiny/tiny%20Q4.gguf", Size: 9, SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
	if p := plans[0]; p.Files[0] != want || p.Manifest.Format != "gguf" || p.Manifest.Engine != "llamacpp" {
		t.Errorf("got %+v", p)
	}
}

func TestRefusals(t *testing.T) {
	own := folder(t, two)
	for name, test := range map[string]struct {
		folder, token string
		ref           sdk.Ref
		code          sdk.Code
	}{
		"no folder":       {"", "", "dir://", sdk.CodeInvalid},
		"not a folder":    {own, token, "https://example.com/", sdk.CodeInvalid},
		"a query":         {own, token, "dir://example.com/x?y", sdk.CodeInvalid},
		"private network": {own, token, "dir://10.0.0.1/models", sdk.CodeInvalid},
		"no index":        {own + "/other", token, "dir://", sdk.CodeNotFound},
		"no token":        {own, "", "dir://", sdk.CodeUnauthorized},
		"no models":       {folder(t, `{}`), token, "dir://", sdk.CodeNotFound},
		"traversal":       {folder(t, `{"models": [{"name": "a", "files": [{"path": "../a.gguf"}]}]}`), token, "dir://", sdk.CodeUnavailable},
		"hidden file":     {folder(t, `{"models": [{"name": "a", "files": [{"path": "a/.gguf"}]}]}`), token, "dir://", sdk.CodeUnavailable},
		"wrong digest":    {folder(t, `{"models": [{"name": "a", "files": [{"path": "a.gguf", "sha256": "0"}]}]}`), token, "dir://", sdk.CodeUnavailable},
		"wrong name":      {folder(t, `{"models": [{"name": "a/b", "files": [{"path": "a.gguf"}]}]}`), token, "dir://", sdk.CodeUnavailable},
		"no files":        {folder(t, `{"models": [{"name": "a"}]}`), token, "dir://", sdk.CodeUnavailable},
		"no JSON":         {folder(t, `<html>`), token, "dir://", sdk.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := configured(t, test.folder, test.token).Resolve(t.Context(), test.ref); sdk.CodeOf(err) != test.code {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSearchWithoutAFolder(t *testing.T) {
	if _, err := configured(t, "", "").Search(t.Context(), "tiny", 5); sdk.CodeOf(err) != sdk.CodeUnsupported {
		t.Errorf("got %v", err)
	}
}
