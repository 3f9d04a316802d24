// Package importernode_test holds the importer in JavaScript to what every importer must do.
package importernode_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/host"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// folder is the plugin's, with its npm packages.
const folder = "../../build/node/importer-node"

func TestMain(m *testing.M) {
	sdktest.Host()
	made := exec.Command("sh", "../node.sh", ".", folder)
	made.Stdout, made.Stderr = os.Stderr, os.Stderr
	if err := made.Run(); err != nil {
		log.Fatalf("node.sh: %v", err)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/enginebay/enginebay/sdk/process.fork"))
}

func program(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(folder, "bin/importer-node"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	token = "t0ken-of-the-library"
	two   = `{"models": [
		{"name": "tiny", "description": "A small guide", "quantization": "Q4", "files": [{"url": "tiny/tiny-Q4.gguf", "size": 9, "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]},
		{"name": "tiny", "description": "A small guide", "quantization": "Q8", "files": [{"url": "tiny/tiny-Q8.gguf"}]},
		{"name": "story", "engine": "ngram", "format": "text", "files": [{"url": "https://example.com/story.txt"}]}]}`
)

// catalogue is a web server with a catalogue at /library.json, for those who have the token.
func catalogue(t *testing.T, text string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+token:
			http.Error(w, "who are you?", http.StatusUnauthorized)
		case r.URL.Path == "/moved.json":
			http.Redirect(w, r, "/library.json", http.StatusFound)
		case r.URL.Path != "/library.json":
			http.NotFound(w, r)
		default:
			fmt.Fprint(w, text)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func settings(address string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"catalogue": %q}`, address))
}

func TestConformance(t *testing.T) {
	sdktest.Importer(t, sdktest.Subject{Path: program(t)}, sdktest.ImporterCase{
		Settings: settings(catalogue(t, two) + "/library.json"),
		Secrets:  map[string]string{"token": token},
		Ref:      "library://tiny",
		Missing:  "library://tinny",
		Bad:      "library://user:password@host/",
		Words:    "small TINY",
	})
}

// started is the plugin's program, started as the core does.
func started(t *testing.T, env ...string) *host.Plugin {
	t.Helper()
	dir, err := os.MkdirTemp("", "ebn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p, err := host.Start(t.Context(), host.Config{Path: program(t), Dir: dir, Env: append(env, "PATH="+os.Getenv("PATH")), Line: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Terminate()
		<-p.Done()
	})
	return p
}

func configure(t *testing.T, p *host.Plugin, address, token string) {
	t.Helper()
	if err := p.Configure(t.Context(), sdk.Configuration{Settings: settings(address), Secrets: map[string]string{"token": token}}); err != nil {
		t.Fatal(err)
	}
}

func TestResolve(t *testing.T) {
	p := started(t)
	url := catalogue(t, two)
	configure(t, p, url+"/library.json", token)
	plans, err := p.Resolve(t.Context(), "library://tiny")
	if err != nil || len(plans) != 2 {
		t.Fatalf("%d plans, %v", len(plans), err)
	}
	want := sdk.File{Path: "tiny-Q4.gguf", URL: url + "/tiny/tiny-Q4.gguf", Size: 9, SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
	if first := plans[0]; first.Files[0] != want || first.Manifest.ID != "tiny/Q4" || first.Manifest.Metadata["quantization"] != "Q4" {
		t.Errorf("got %+v", first)
	}
	plans, err = p.Resolve(t.Context(), "library://story")
	if err != nil || plans[0].Manifest.Engine != "ngram" || plans[0].Files[0].URL != "https://example.com/story.txt" {
		t.Errorf("got %+v, %v", plans, err)
	}
}

func TestRefusals(t *testing.T) {
	p := started(t)
	with := func(text string) string { return catalogue(t, text) + "/library.json" }
	file := func(fields string) string { return `{"models": [{"name": "a", "files": [{` + fields + `}]}]}` }
	for name, test := range map[string]struct {
		catalogue, token string
		code             sdk.Code
	}{
		"no catalogue":  {"", "", sdk.CodeUnsupported},
		"nothing there": {catalogue(t, two) + "/other.json", token, sdk.CodeNotFound},
		"moved":         {catalogue(t, two) + "/moved.json", token, sdk.CodeInvalid},
		"no token":      {with(two), "", sdk.CodeUnauthorized},
		"nobody there":  {"http://127.0.0.1:1/", token, sdk.CodeUnavailable},
		"no JSON":       {with(`<html>`), token, sdk.CodeUnavailable},
		"no object":     {with(`null`), token, sdk.CodeUnavailable},
		"no files":      {with(`{"models": [{"name": "a"}]}`), token, sdk.CodeUnavailable},
		"wrong name":    {with(`{"models": [{"name": "a/b", "files": [{"url": "a.gguf"}]}]}`), token, sdk.CodeUnavailable},
		"hidden file":   {with(file(`"url": "x/.gguf"`)), token, sdk.CodeUnavailable},
		"a local file":  {with(file(`"url": "file:///etc/passwd"`)), token, sdk.CodeUnavailable},
		"a password":    {with(file(`"url": "https://a:b@example.com/a.gguf"`)), token, sdk.CodeUnavailable},
		"wrong digest":  {with(file(`"url": "a.gguf", "sha256": "0"`)), token, sdk.CodeUnavailable},
		"wrong size":    {with(file(`"url": "a.gguf", "size": -1`)), token, sdk.CodeUnavailable},
		"not encoded":   {with(file(`"url": "a%zz.gguf"`)), token, sdk.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			configure(t, p, test.catalogue, test.token)
			if _, err := p.Resolve(t.Context(), "library://a"); sdk.CodeOf(err) != test.code {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestCopies: what several plugins share is copied into each, and stays the same.
func TestCopies(t *testing.T) {
	for _, file := range []string{"plugin.mjs", "certificate.mjs", "plugin.proto"} {
		want, err := os.ReadFile(filepath.Join("../engine-node/libs", file))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join("libs", file)); err != nil || string(got) != string(want) {
			t.Errorf("%s is not that of engine-node any more (%v): cp examples/engine-node/libs/%s examples/importer-node/libs/", file, err, file)
		}
	}
}
