package download_test

import (
	"bytes"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// TestMirrors has a first source that fails, and a second one.
func TestMirrors(t *testing.T) {
	for _, row := range []struct {
		name   string
		first  func(*testing.T) http.Handler
		fault  func(int) fault
		second func(*testing.T) http.Handler
		hash   string
		code   sdk.Code
	}{
		{name: "the first is broken", first: failing(1e9, 500), second: good},
		{name: "the first does not have it", first: failing(1e9, 404), second: good},
		{name: "the first has another file", first: func(*testing.T) http.Handler { return &origin{data: other, tag: `"1"`} }, second: good, hash: sum(large)},
		{name: "the first ends in the midst", first: good, fault: func(n int) fault { return fault{after: max(0, int64(3-n)) * mega, then: cut} }, second: good, hash: sum(large)},
		{name: "the first ends in the midst, and nothing tells the files apart", first: good, fault: func(n int) fault { return fault{after: max(0, int64(3-n)) * mega, then: cut} }, second: good},
		{name: "none has it", first: failing(1e9, 404), second: failing(1e9, 500), code: sdk.CodeNotFound},
	} {
		t.Run(row.name, func(t *testing.T) {
			first := serve(t, row.first(t))
			if row.fault != nil {
				first = through(t, first, row.fault)
			}
			second := serve(t, http.StripPrefix("/mirror", row.second(t)))
			c := newClient(t, download.Config{Mirrors: map[string][]string{
				first:             {"http://127.0.0.1:1/", second + "/mirror/"},
				"http://127.0.0.": {"http://127.0.0.1:2/"}, // no whole step of the address
			}})
			if info, err := c.Probe(t.Context(), first+"/o/r/model.gguf"); row.code != "" && sdk.CodeOf(err) != row.code || row.code == "" && (err != nil || info.Name != "model.gguf") {
				t.Errorf("probe: %+v, %v", info, err)
			}
			got, err := fetchOne(t, c, download.File{Path: target(t), URL: first + "/o/r/model.gguf", SHA256: row.hash})
			if row.code != "" {
				if sdk.CodeOf(err) != row.code {
					t.Fatalf("error is %v, wanted %s", err, row.code)
				}
				return
			}
			if err != nil || !bytes.Equal(got, large) {
				t.Fatalf("error: %v, the right bytes: %v", err, bytes.Equal(got, large))
			}
		})
	}
}

// TestToken sends a token to the server that it is for, and not to the one that it
// redirects to.
func TestToken(t *testing.T) {
	var leaked atomic.Bool
	store := good(t)
	cdn := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			leaked.Store(true)
		}
		store.ServeHTTP(w, r)
	}))
	hub := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hunter2" {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, cdn+"/blob", http.StatusFound)
	}))
	c := newClient(t, download.Config{Web: web.Config{Tokens: map[string]string{hub: "hunter2"}}})
	if got, err := fetchOne(t, c, download.File{Path: target(t), URL: hub + "/model.gguf"}); err != nil || !bytes.Equal(got, large) {
		t.Fatal(err)
	}
	if leaked.Load() {
		t.Error("the token went elsewhere")
	}
}

// TestProxyAndCA fetches by a proxy, and from a server with a certificate of its own.
func TestProxyAndCA(t *testing.T) {
	store := good(t)
	proxy := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "files.example.com" {
			http.Error(w, "not by this proxy", http.StatusBadGateway)
			return
		}
		store.ServeHTTP(w, r)
	}))
	c := newClient(t, download.Config{Web: web.Config{Proxy: proxy}})
	if got, err := fetchOne(t, c, download.File{Path: target(t), URL: "http://files.example.com/model.gguf"}); err != nil || !bytes.Equal(got, large) {
		t.Fatalf("by a proxy: %v", err)
	}

	s := httptest.NewUnstartedServer(store)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	f := download.File{Path: target(t), URL: s.URL + "/model.gguf"}
	if _, err := fetchOne(t, newClient(t, download.Config{}), f); sdk.CodeOf(err) != sdk.CodeUnavailable || !strings.Contains(err.Error(), "download_ca") {
		t.Fatalf("from a stranger: %v", err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	if got, err := fetchOne(t, newClient(t, download.Config{Web: web.Config{CA: ca}}), f); err != nil || !bytes.Equal(got, large) {
		t.Fatalf("with its authority: %v", err)
	}
}

func TestProbe(t *testing.T) {
	named := func(disposition string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Disposition", disposition)
			good(t).ServeHTTP(w, r)
		})
	}
	whole := download.Info{Name: "model.gguf", Size: int64(len(large)), ETag: `"1"`, ContentType: "application/octet-stream"}
	for _, row := range []struct {
		name   string
		server http.Handler
		path   string
		want   download.Info
		code   sdk.Code
	}{
		{name: "ranges", server: good(t), path: "/a/model.gguf?download=true", want: whole},
		{name: "no ranges", server: plain(t), path: "/a/model.gguf", want: download.Info{Name: "model.gguf", Size: int64(len(large)), ETag: `"1"`, ContentType: "application/octet-stream"}},
		{name: "no name", server: good(t), path: "/", want: download.Info{Name: "download", Size: whole.Size, ETag: `"1"`, ContentType: whole.ContentType}},
		{name: "a name in the header", server: named(`attachment; filename="model.gguf"`), path: "/get?id=1", want: whole},
		{name: "a hostile name", server: named(`attachment; filename="..\\../../.model.gguf. "`), path: "/x", want: whole},
		{name: "as Hugging Face", server: linkedTo(sum(large), 17<<20)(t), path: "/model.gguf", want: download.Info{Name: "model.gguf", Size: 17 << 20, ETag: `"1"`, SHA256: sum(large), ContentType: whole.ContentType}},
		{name: "an empty file", server: &origin{tag: `"1"`}, path: "/model.gguf", want: download.Info{Name: "model.gguf", ETag: `"1"`, ContentType: whole.ContentType}},
		{name: "a page", server: answering(200, "text/html", "<p>")(t), path: "/", code: sdk.CodeInvalid},
		{name: "a login page", server: answering(200, "text/html", "<p>Log in")(t), path: "/", code: sdk.CodeUnauthorized},
		{name: "nothing", server: http.NotFoundHandler(), path: "/", code: sdk.CodeNotFound},
		{name: "silence", server: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }), path: "/", code: sdk.CodeUnavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := newClient(t, download.Config{}).Probe(t.Context(), serve(t, row.server)+row.path)
			if row.code != "" && sdk.CodeOf(err) != row.code || row.code == "" && (err != nil || got != row.want) {
				t.Fatalf("%+v, error %v, wanted %+v %s", got, err, row.want, row.code)
			}
		})
	}
}

// TestRoom looks at the disk before, and while it goes.
func TestRoom(t *testing.T) {
	o := &origin{data: large, tag: `"1"`}
	url := serve(t, o)
	f := download.File{Path: target(t), URL: url, Size: int64(len(large))}
	g := download.File{Path: target(t), URL: url, Size: int64(len(large))}
	free := func(n uint64) func(string) (uint64, error) {
		return func(string) (uint64, error) { return n, nil }
	}
	err := newClient(t, download.Config{Free: free(27 * mega), Reserve: 11 * mega}).Fetch(t.Context(), []download.File{f}, nil)
	if ranges, _ := o.asked(); sdk.CodeOf(err) != sdk.CodeExhausted || len(ranges) > 0 {
		t.Fatalf("error is %v after %d requests, wanted exhausted before the first", err, len(ranges))
	}
	err = newClient(t, download.Config{Free: free(30 * mega)}).Fetch(t.Context(), []download.File{f, g}, nil)
	if ranges, _ := o.asked(); sdk.CodeOf(err) != sdk.CodeExhausted || len(ranges) > 0 {
		t.Fatalf("error is %v after %d requests, wanted exhausted: both do not fit", err, len(ranges))
	}
	c := newClient(t, download.Config{Rate: 4 * mega, Free: func(string) (uint64, error) {
		if done, _, _, _ := download.Partial(f.Path); done > 0 { // somebody else takes it all
			return 0, nil
		}
		return 1000 * mega, nil
	}})
	c.Hasten(20*time.Second, 10*time.Millisecond)
	if err := c.Fetch(t.Context(), []download.File{f}, nil); sdk.CodeOf(err) != sdk.CodeExhausted {
		t.Fatalf("error is %v, wanted exhausted", err)
	}
	if done, _, _, ok := download.Partial(f.Path); !ok || done == 0 {
		t.Fatalf("kept are %d bytes, %v", done, ok)
	}
	if got, err := fetchOne(t, newClient(t, download.Config{}), f); err != nil || !bytes.Equal(got, large) {
		t.Fatalf("after room was made: %v", err)
	}
}

// TestWrong orders what cannot be.
func TestWrong(t *testing.T) {
	path := target(t)
	for name, files := range map[string][]download.File{
		"relative path":    {{Path: "x", URL: "http://127.0.0.1/"}},
		"other scheme":     {{Path: path, URL: "ftp://127.0.0.1/"}},
		"a file":           {{Path: path, URL: "file:///etc/hostname"}},
		"no address":       {{Path: path}},
		"negative size":    {{Path: path, URL: "http://127.0.0.1/", Size: -1}},
		"short SHA-256":    {{Path: path, URL: "http://127.0.0.1/", SHA256: "abcd"}},
		"one target twice": {{Path: path, URL: "http://127.0.0.1/"}, {Path: filepath.Dir(path) + "/./model.gguf", URL: "http://127.0.0.1/"}},
	} {
		if err := newClient(t, download.Config{}).Fetch(t.Context(), files, nil); sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := download.New(download.Config{Web: web.Config{Private: []string{"/"}}}); sdk.CodeOf(err) != sdk.CodeInvalid {
		t.Errorf("wrong setting: %v", err)
	}
	c := newClient(t, download.Config{})
	if err := c.Set(download.Config{Web: web.Config{CA: path}}); sdk.CodeOf(err) != sdk.CodeInvalid {
		t.Errorf("wrong setting later: %v", err)
	}
}

// TestRate holds two files at once to one rate.
func TestRate(t *testing.T) {
	const rate, size = 4 * mega, 2 * mega
	url, dir := serve(t, &origin{data: content(size), tag: `"1"`}), t.TempDir()
	files := []download.File{{Path: filepath.Join(dir, "a"), URL: url}, {Path: filepath.Join(dir, "b"), URL: url}}
	c := newClient(t, download.Config{Rate: rate})
	began := time.Now()
	must(t, c.Fetch(t.Context(), files, nil))
	const least = time.Second * (2*size - mega) / rate // some of it may come at once
	if took := time.Since(began); took < least {
		t.Errorf("%d MB came in %v, at most %d MB a second should", 2*size>>20, took, rate>>20)
	}
	if c.Received() != 2*size {
		t.Errorf("%d bytes were counted", c.Received())
	}
}

// TestUnwritable has a target in a folder that is a file.
func TestUnwritable(t *testing.T) {
	file := target(t)
	must(t, os.WriteFile(file, nil, 0o600))
	_, err := fetchOne(t, newClient(t, download.Config{}), download.File{Path: filepath.Join(file, "model.gguf"), URL: serve(t, good(t))})
	if sdk.CodeOf(err) != sdk.CodeInvalid || !strings.Contains(err.Error(), "permissions") {
		t.Errorf("error is %v", err)
	}
}
