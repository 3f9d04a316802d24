package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/keys"
)

// source serves a real model under every name that ends in .gguf, and says of all
// else what its name says: /401, /404.
type source struct {
	*httptest.Server
	data []byte
	held chan struct{} // nothing of the second half comes before it is closed
}

// newSource serves at once; a held one only half until release is called.
func newSource(t testing.TB) *source {
	t.Helper()
	s := newHeldSource(t)
	s.release()
	return s
}

func newHeldSource(t testing.TB) *source {
	t.Helper()
	data, err := os.ReadFile(tinyGGUF)
	if err != nil {
		t.Fatal(err)
	}
	s := &source{data: data, held: make(chan struct{})}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *source) release() { close(s.held) }

// ServeHTTP implements http.Handler.
func (s *source) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/401"):
		http.Error(w, "who are you", http.StatusUnauthorized)
	case r.URL.Path == "/page":
		_, _ = io.WriteString(w, "<html>a page</html>")
	case !strings.HasSuffix(r.URL.Path, ".gguf") || r.URL.Path == "/nowhere.gguf":
		http.NotFound(w, r)
	default:
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(w, r, "", time.Time{}, &heldFile{Reader: bytes.NewReader(s.data), ctx: r.Context(), held: s.held})
	}
}

// heldFile is a file whose second half waits.
type heldFile struct {
	*bytes.Reader
	ctx  context.Context
	held chan struct{}
}

// WriteTo hides that of bytes.Reader.
func (f *heldFile) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{f})
}

// Read implements io.Reader.
func (f *heldFile) Read(p []byte) (int, error) {
	half, at := f.Size()/2, f.Size()-int64(f.Len())
	if at < half {
		return f.Reader.Read(p[:min(int64(len(p)), half-at)])
	}
	select {
	case <-f.held:
		return f.Reader.Read(p)
	case <-f.ctx.Done():
		return 0, f.ctx.Err()
	}
}

// shown is what a client sees of a model.
type shown struct {
	ID, State, Error string
	Download         *core.Download
}

func (b *bay) shown(t *testing.T, id string) (m shown) {
	t.Helper()
	_, body := b.do("GET", "/v1/models/"+id, "")
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return m
}

// poll asks for a model until it is as it should be.
func (b *bay) poll(t *testing.T, id string, done func(shown) bool) shown {
	t.Helper()
	var m shown
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if m = b.shown(t, id); done(m) {
			return m
		}
	}
	t.Fatalf("it stays like this: %+v %+v", m, m.Download)
	return m
}

func isState(state string) func(shown) bool { return func(m shown) bool { return m.State == state } }

// TestFollowAPullByAsking is a program that knows of no events.
func TestFollowAPullByAsking(t *testing.T) {
	from := newHeldSource(t)
	b := newBay(t, nil)
	b.walk(t, []step{{"pull", "POST", "/v1/models", fmt.Sprintf(`{"id": "tiny", "source": "%s/x.gguf", "engine": "echo", "settings": {"ctx_len": 64}}`, from.URL), 202, `{"id":"tiny","object":"model","state":"downloading"}`, ""}})
	m := b.poll(t, "tiny", func(m shown) bool { return m.Download != nil && m.Download.Done > 0 })
	if d := m.Download; m.State != core.StateDownloading || d.Phase != core.PhaseDownloading || d.Total != int64(len(from.data)) || d.Done >= d.Total || len(d.Files) != 1 || d.Files[0].Name != "x.gguf" {
		t.Errorf("%+v %+v", m, d)
	}
	b.walk(t, []step{
		{"is listed", "GET", "/v1/models?state=downloading", "", 200, `"state":"downloading","download":{"phase":"downloading"`, ""},
		{"cannot answer yet", "POST", "/v1/chat/completions", chat("tiny", "hi"), 404, "download", "model_not_found"},
		{"pull again joins it", "POST", "/v1/models", fmt.Sprintf(`{"id": "tiny", "source": "%s/x.gguf"}`, from.URL), 202, `"state":"downloading"`, ""},
		{"by its id too", "POST", "/v1/models", `{"id": "tiny"}`, 202, `"state":"downloading"`, ""},
		{"what it got can be sent back", "PATCH", "/v1/models/tiny", `{"name": "Tiny", "download": {"phase": "downloading"}}`, 200, `"name":"Tiny"`, ""},
	})
	from.release()
	if m = b.poll(t, "tiny", isState(core.StateReady)); m.Download != nil || m.Error != "" {
		t.Errorf("%+v", m)
	}
	b.walk(t, []step{
		{"answers", "POST", "/v1/chat/completions", chat("tiny", "hi"), 200, "echo", ""},
		{"has what was said beside the source", "GET", "/v1/models/tiny", "", 200, `"ctx_len":64`, ""},
		{"is here already", "POST", "/v1/models/tiny/download", "", 200, "is here already", ""},
		{"once more", "POST", "/v1/models", `{"model": "tiny"}`, 200, "is here already", ""},
	})
	if file, _ := os.ReadFile(filepath.Join(b.home, "models/tiny/model.json")); strings.Contains(string(file), "phase") {
		t.Errorf("the state is in the file: %s", file)
	}
}

// TestFollowAPullByEvents is a program that is told.
func TestFollowAPullByEvents(t *testing.T) {
	from := newHeldSource(t)
	b := newBay(t, nil)
	l := listen(b, t, "")
	b.do("POST", "/v1/models", fmt.Sprintf(`{"id": "tiny", "source": "%s/x.gguf"}`, from.URL))
	if e := l.until(core.EventModelState, core.StateDownloading); e.Model != "tiny" {
		t.Errorf("%+v", e)
	}
	if e := l.until(core.EventDownloadProgress, ""); e.Model != "tiny" || e.Download == nil || e.Download.Total != int64(len(from.data)) {
		t.Errorf("%+v %+v", e, e.Download)
	}
	from.release()
	if e := l.until(core.EventModelState, core.StateReady); e.Model != "tiny" || b.shown(t, "tiny").State != core.StateReady {
		t.Errorf("%+v", e)
	}

	b.do("POST", "/v1/models", fmt.Sprintf(`{"id": "lost", "sources": [{"filename": "y.gguf", "url": "%s/lost"}]}`, from.URL))
	b.do("POST", "/v1/models/lost/download", "")
	if e := l.until(core.EventModelError, ""); e.Model != "lost" || e.Error == "" || b.shown(t, "lost").Error != e.Error {
		t.Errorf("%+v, and shown is %+v", e, b.shown(t, "lost"))
	}
}

func TestCancelADownload(t *testing.T) {
	for name, how := range map[string]struct {
		query string
		kept  bool
	}{"kept": {"", true}, "discarded": {"?discard=true", false}} {
		t.Run(name, func(t *testing.T) {
			from := newHeldSource(t)
			b := newBay(t, nil)
			b.do("POST", "/v1/models", fmt.Sprintf(`{"id": "a/tiny", "source": "%s/x.gguf"}`, from.URL))
			b.poll(t, "a/tiny", func(m shown) bool { return m.Download != nil && m.Download.Done > 0 })
			b.walk(t, []step{{"cancel", "POST", "/v1/models/a/tiny/cancel" + how.query, "", 200, `{"id":"a/tiny","object":"model","state":"to_download"}`, ""}})
			m := b.shown(t, "a/tiny")
			if kept := m.Download != nil && m.Download.Phase == core.PhasePaused && m.Download.Done > 0; m.State != core.StateToDownload || kept != how.kept {
				t.Errorf("%+v %+v", m, m.Download)
			}
			b.walk(t, []step{
				{"again", "POST", "/v1/models/a%2Ftiny/cancel", "", 200, `"state":"to_download"`, ""},
				{"the list knows", "GET", "/v1/models?state=to_download", "", 200, `"id":"a/tiny"`, ""},
				{"go on", "POST", "/v1/models/a%2Ftiny/download", "", 202, `"state":"downloading"`, ""},
			})
			from.release()
			b.poll(t, "a/tiny", isState(core.StateReady))
			b.walk(t, []step{{"what is here is left alone", "POST", "/v1/models/a/tiny/cancel", "", 200, `"state":"ready"`, ""}})
		})
	}
}

// TestDeleteWhileItComes: nothing of it comes afterwards.
func TestDeleteWhileItComes(t *testing.T) {
	from := newHeldSource(t)
	b := newBay(t, nil)
	b.do("POST", "/v1/models", fmt.Sprintf(`{"id": "tiny", "source": "%s/x.gguf"}`, from.URL))
	b.poll(t, "tiny", func(m shown) bool { return m.Download != nil && m.Download.Done > 0 })
	b.walk(t, []step{
		{"delete", "DELETE", "/v1/models/tiny?purge=true", "", 200, `{"deleted":true,"id":"tiny","object":"model"}`, ""},
		{"is no more", "GET", "/v1/models/tiny", "", 404, "does not exist", "model_not_found"},
	})
	if _, err := os.Stat(filepath.Join(b.home, "models", "tiny")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder: %v", err)
	}
}

func TestPullRequests(t *testing.T) {
	from := newSource(t)
	b := newBay(t, map[string]string{"m": `{}`, "download/x": `{}`})
	at := strings.TrimPrefix(from.URL, "http://")
	size := fmt.Sprintf("?size=%d", len(from.data))
	b.walk(t, []step{
		{"only the model files", "POST", "/v1/models", fmt.Sprintf(`{"source": "shelf://%s/p%s", "download": false}`, at, size), 201, `"state":"to_download"`, ""},
		{"are both there", "GET", "/v1/models?state=to_download", "", 200, `"id":"p/Q8_0"`, ""},
		{"then a variant", "POST", "/v1/models", fmt.Sprintf(`{"source": "shelf://%s/p%s", "variant": "q8_0"}`, at, size), 202, `{"id":"p/Q8_0"`, ""},
		{"the default and the others", "POST", "/v1/models", fmt.Sprintf(`{"source": "shelf://%s/q%s", "settings": {"tokens": 3}}`, at, size), 202, `{"id":"q/Q4_K_M","object":"model","others":["q/Q8_0"],"state":"downloading"}`, ""},
		{"with what is beside it", "GET", "/v1/models/q/Q8_0", "", 200, `"tokens":3`, ""},
		{"a file whose model file is given", "POST", "/v1/models", fmt.Sprintf(`{"id": "whole", "engine": "echo", "download": true, "sources": [{"filename": "x.gguf", "url": "%s/x.gguf"}]}`, from.URL), 202, `"state":"downloading"`, ""},
		{"and is not wanted yet", "POST", "/v1/models", fmt.Sprintf(`{"id": "later", "engine": "echo", "sources": [{"filename": "x.gguf", "url": "%s/x.gguf"}]}`, from.URL), 201, `"state":"to_download"`, ""},

		{"a variant that is not there", "POST", "/v1/models", fmt.Sprintf(`{"source": "shelf://%s/r%s", "variant": "Q2_K"}`, at, size), 404, "there are Q4_K_M, Q8_0", "source_not_found"},
		{"a source that is not there", "POST", "/v1/models", fmt.Sprintf(`{"source": "%s/404.bin"}`, from.URL), 404, "", "source_not_found"},
		{"a source that wants a token", "POST", "/v1/models", fmt.Sprintf(`{"source": "%s/401.gguf"}`, from.URL), 403, "", "source_unauthorized"},
		{"an importer's not_found", "POST", "/v1/models", `{"source": "shelf://refuse/not_found"}`, 404, "The shelf says not_found", "source_not_found"},
		{"an importer's unauthorized", "POST", "/v1/models", `{"source": "shelf://refuse/unauthorized"}`, 403, "The shelf says unauthorized", "source_unauthorized"},
		{"an importer's unavailable", "POST", "/v1/models", `{"source": "shelf://refuse/unavailable"}`, 503, "The shelf says unavailable", "unavailable"},
		{"an importer's invalid", "POST", "/v1/models", `{"source": "shelf://refuse/invalid"}`, 400, "The shelf says invalid", "invalid_request"},
		{"an importer that is not there", "POST", "/v1/models", `{"source": "shelf://x/y", "importer": "cupboard"}`, 404, "there is no importer", "source_not_found"},
		{"nobody's scheme", "POST", "/v1/models", `{"source": "nobody://x"}`, 400, "no importer for nobody://", "unsupported"},
		{"no source", "POST", "/v1/models", `{"source": ""}`, 400, "must name a source", "invalid_request"},
		{"a number", "POST", "/v1/models", `{"source": 7}`, 400, "must be a text", "invalid_type"},
		{"a variant that is none", "POST", "/v1/models", `{"source": "shelf://x/y", "variant": ["a"]}`, 400, "must be a text", "invalid_type"},
		{"a truth that is none", "POST", "/v1/models", `{"source": "shelf://x/y", "download": "yes"}`, 400, "must be true or false", "invalid_type"},
		{"a misspelt variant", "POST", "/v1/models", fmt.Sprintf(`{"source": "shelf://%s/r%s", "varient": "Q8_0"}`, at, size), 400, "There is no field 'varient'; did you mean 'variant'?", "invalid_request"},
		{"an id that is none", "POST", "/v1/models", fmt.Sprintf(`{"source": "shelf://%s/r%s", "id": "../r"}`, at, size), 400, "no model id", "invalid_request"},
		{"an id that is taken", "POST", "/v1/models", fmt.Sprintf(`{"source": "shelf://%s/r%s", "id": "m"}`, at, size), 409, "", "conflict"},
		{"settings that are wrong", "POST", "/v1/models", fmt.Sprintf(`{"source": "shelf://%s/r%s", "settings": {"ctx_len": "many"}}`, at, size), 400, "/settings/ctx_len", "invalid_request"},
		{"nothing was made of those", "GET", "/v1/models/r/Q4_K_M", "", 404, "", "model_not_found"},
		{"a download that cannot begin", "POST", "/v1/models", `{"id": "never", "engine": "echo", "download": true, "sources": [{"filename": "x.gguf", "url": "shelf://refuse/not_found"}]}`, 404, "The shelf says", "source_not_found"},
		{"leaves no model", "GET", "/v1/models/never", "", 404, "", "model_not_found"},

		{"download nobody", "POST", "/v1/models/nope/download", "", 404, "does not exist", "model_not_found"},
		{"cancel nobody", "POST", "/v1/models/nope/cancel", "", 404, "does not exist", "model_not_found"},
		{"cancel what is outside", "POST", "/v1/models/..%2F..%2Fetc/cancel", "", 404, "", ""},
		{"cancel with a word that is none", "POST", "/v1/models/m/cancel?discard=maybe", "", 400, "discard is true or false", "invalid_value"},
		{"download what is remote", "POST", "/v1/models/m/download", "", 200, "is here already", ""},
		{"a model of such an id", "POST", "/v1/models/download/x/download", "", 200, `"id":"download/x"`, ""},
		{"a command that is none", "POST", "/v1/models/m/nothing", "", 404, "", "unknown_url"},
	})
	if e := openAIError(t, second(b.do("POST", "/v1/models", `{"source": "shelf://refuse/unauthorized"}`))); e.Error.Param == nil || *e.Error.Param != "source" {
		t.Errorf("param of %+v", e)
	}
	b.poll(t, "p/Q8_0", isState(core.StateReady))
	b.poll(t, "whole", isState(core.StateReady))
}

func second(_ int, body string) string { return body }

func TestPlansAndSearch(t *testing.T) {
	from := newSource(t)
	b := newBay(t, nil)
	at := strings.TrimPrefix(from.URL, "http://")
	b.do("POST", "/v1/models", fmt.Sprintf(`{"source": "shelf://%s/p?size=1000", "download": false}`, at))
	b.walk(t, []step{
		{"plans", "GET", "/v1/plans?ref=shelf%3A%2F%2F" + at + "/p%3Fsize=1000", "", 200, `"importer":"shelf","object":"list"`, ""},
		{"an address", "GET", "/v1/plans?ref=" + from.URL + "/x.gguf", "", 200, `"importer":""`, ""},
		{"no ref", "GET", "/v1/plans", "", 400, "?ref=hf://", "missing_ref"},
		{"not found", "GET", "/v1/plans?ref=shelf://refuse/not_found", "", 404, "The shelf says", "source_not_found"},
		{"unauthorized", "GET", "/v1/plans?ref=shelf://refuse/unauthorized", "", 403, "The shelf says", "source_unauthorized"},
		{"search", "GET", "/v1/search?q=two+words&limit=2", "", 200, `{"data":[{"description":"the shelf has it","importer":"shelf","name":"two words","object":"hit","ref":"shelf://localhost/0"},{`, ""},
		{"one importer", "GET", "/v1/search?q=x&importer=shelf", "", 200, `"name":"x"`, ""},
		{"an importer that is not there", "GET", "/v1/search?q=x&importer=cupboard", "", 404, "no importer", "source_not_found"},
		{"no words", "GET", "/v1/search", "", 400, "?q=", "missing_q"},
		{"too many", "GET", "/v1/search?q=x&limit=1000", "", 400, "from 1 to 100", "invalid_value"},
		{"a limit that is none", "GET", "/v1/search?q=x&limit=all", "", 400, "limit is a number", "invalid_value"},
	})
	var list struct{ Data []map[string]any }
	_, body := b.do("GET", "/v1/plans?ref=shelf://"+at+"/p%3Fsize=1000", "")
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Data) != 2 {
		t.Fatalf("%v: %s", err, body)
	}
	want := map[string]any{"object": "plan", "variant": "Q4_K_M", "id": "p/Q4_K_M", "size": 1000.0, "fits": true, "default": true, "state": "to_download", "quantization": "Q4_K_M", "parameters": 100.0, "context_length": 2048.0}
	for name, value := range want {
		if list.Data[0][name] != value {
			t.Errorf("%s is %v, want %v", name, list.Data[0][name], value)
		}
	}
}

// TestWhoLeavesAsksNoMore: a look into a slow catalogue ends with its client.
func TestWhoLeavesAsksNoMore(t *testing.T) {
	b := newBay(t, nil)
	b.do("GET", "/v1/plans?ref=shelf://refuse/not_found", "") // the importer runs
	ctx, leave := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/v1/plans?ref=shelf://slow", nil)
	gone := make(chan error)
	go func() {
		resp, err := b.client.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		gone <- err
	}()
	time.AfterFunc(100*time.Millisecond, leave)
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	b.log.wait(t, "status=499", 1, 10*time.Second)
}

// TestPullsWantAKey: as everything that changes what is on the disk.
func TestPullsWantAKey(t *testing.T) {
	_, _, keyed := withKeys(t, keys.Key{Name: "a"})
	b := newBay(t, nil, keyed)
	for _, path := range []string{"POST /v1/models", "POST /v1/models/m/download", "POST /v1/models/m/cancel", "GET /v1/models/m/export", "GET /v1/plans?ref=x", "GET /v1/search?q=x"} {
		method, path, _ := strings.Cut(path, " ")
		if status, body := b.do(method, path, ""); status != 401 {
			t.Errorf("%s %s: %d %s", method, path, status, body)
		}
	}
}

// TestPathsAreOfThisMachine: who calls from elsewhere sends files and names none.
func TestPathsAreOfThisMachine(t *testing.T) {
	b := newBay(t, nil)
	path := b.weights("x.gguf")
	for _, test := range []struct {
		method, path, body string
		header             string
		status             int
	}{
		{"POST", "/v1/models", `{"source": "` + path + `"}`, "X-Forwarded-For", 403},
		{"POST", "/v1/models", `{"source": "ollama://x", "mode": "copy"}`, "Forwarded", 403},
		{"GET", "/v1/plans?ref=file://" + path, "", "X-Forwarded-For", 403},
		{"GET", "/v1/plans?ref=" + path, "", "X-Other", 200},
		{"POST", "/v1/models", `{"source": "` + path + `"}`, "X-Other", 201},
	} {
		req, err := http.NewRequest(test.method, b.url+test.path, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set(test.header, "for=192.0.2.1")
		resp, err := b.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != test.status {
			t.Errorf("%s %s %s with %s: %d, want %d", test.method, test.path, test.body, test.header, resp.StatusCode, test.status)
		}
	}
}
