package core_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// tinyGGUF is a real model, in other copies for other sums.
var tinyGGUF = sync.OnceValue(func() []byte {
	data, err := os.ReadFile("../examples/models/tiny-guide/tiny-guide.gguf")
	if err != nil {
		panic(err)
	}
	return data
})

// catalogue is the fake importer's catalogue, and where the files of its models are.
type catalogue struct {
	*httptest.Server
	t     testing.TB
	mu    sync.Mutex
	plans map[string][]sdk.Plan
	files map[string][]byte
	asked []string // "GET /files/x bytes=0-" and so on, with the token of the request
	halt  map[string]chan struct{}
	token string // that files want
}

func newCatalogue(t testing.TB) *catalogue {
	c := &catalogue{t: t, plans: map[string][]sdk.Plan{}, files: map[string][]byte{}, halt: map[string]chan struct{}{}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *catalogue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.asked = append(c.asked, strings.Join([]string{r.URL.Path, r.Header.Get("Range"), r.Header.Get("Authorization") + r.Header.Get("X-Token")}, " "))
	plans, isPlan := c.plans[strings.TrimPrefix(r.URL.Path, "/plans/")]
	name := strings.TrimPrefix(r.URL.Path, "/files/")
	data, isFile := c.files[name]
	halt, wait, token := c.halt[name], c.halt[r.URL.Path], c.token
	c.mu.Unlock()
	switch {
	case isPlan:
		if wait != nil {
			select {
			case <-wait:
			case <-r.Context().Done():
				return
			}
		}
		_ = json.NewEncoder(w).Encode(plans)
	case isFile && token != "" && r.Header.Get("Authorization") != "Bearer "+token:
		w.WriteHeader(http.StatusUnauthorized)
	case isFile:
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(&halting{w, r, halt, len(data) / 2}, r, name, time.Time{}, bytes.NewReader(data))
	case r.URL.Path == "/search":
		_ = json.NewEncoder(w).Encode([]sdk.Hit{{Ref: "fake://m", Name: "m " + r.URL.Query().Get("q")}, {Ref: "fake://n", Name: "n"}})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// halting stops after some bytes until it may go on.
type halting struct {
	http.ResponseWriter
	r     *http.Request
	halt  chan struct{}
	after int
}

func (h *halting) Write(p []byte) (n int, err error) {
	if h.halt != nil {
		first := min(len(p), h.after)
		n, err = h.ResponseWriter.Write(p[:first])
		if h.after -= first; h.after > 0 || err != nil || n == len(p) && h.after > 0 {
			return n, err
		}
		_ = http.NewResponseController(h.ResponseWriter).Flush()
		select {
		case <-h.halt:
			h.halt = nil
		case <-h.r.Context().Done():
			return n, h.r.Context().Err()
		}
	}
	more, err := h.ResponseWriter.Write(p[n:])
	return n + more, err
}

// hold makes the answers with a file stop halfway, and those with the plans of a path
// before they begin, until the returned function is called.
func (c *catalogue) hold(name string) (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	halt := make(chan struct{})
	c.halt[name] = halt
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.halt, name)
		close(halt)
	})
}

// requests are those for a path since the start.
func (c *catalogue) requests(path string) (found []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, asked := range c.asked {
		if strings.HasPrefix(asked, path) {
			found = append(found, asked)
		}
	}
	return found
}

// plan is one of a model of one file; id is REPO/VARIANT.
func (c *catalogue) plan(id string, memory int) sdk.Plan {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := strings.ReplaceAll(id, "/", "-") + ".gguf"
	data := tinyGGUF()
	c.files[name] = data
	sum := sha256.Sum256(data)
	return sdk.Plan{
		Manifest: sdk.Manifest{ID: id, Name: "M", OwnedBy: "acme", Engine: "echo", Metadata: map[string]any{"repository": "fake://m", "memory": memory, "quantization": filepath.Base(id)}},
		Files:    []sdk.File{{Path: name, URL: c.URL + "/files/" + name, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}},
	}
}

// offer makes a ref lead to plans.
func (c *catalogue) offer(ref string, plans ...sdk.Plan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plans[ref] = plans
}

// shop is a runtime beside a catalogue.
func (c *catalogue) shop(limits core.Limits, downloads core.Downloads) *house {
	c.t.Helper()
	return c.reopen(c.t.TempDir(), limits, downloads)
}

func (c *catalogue) reopen(home string, limits core.Limits, downloads core.Downloads) *house {
	c.t.Helper()
	h := &house{t: c.t, home: home, log: &journal{}}
	h.write("importers/fake.json", `{"settings": {"catalogue": "`+c.URL+`"}}`)
	h.write("plugins/fake/plugin.json", `{"name": "test/fake", "version": "0.0.1", "kinds": ["importer"], "entry": "importer", "schemes": ["fake"], "permissions": {"network": ["setting:catalogue"]}, "patterns": ["`+c.URL+`/files/*"],
		"secrets": {"token": {"from": ["env:NOT_SET", "file:$NOT_SET/x", "file:`+home+`/token"], "origin": ["$NOT_SET", "`+c.URL+`"]}}}`)
	must(c.t, os.RemoveAll(filepath.Join(home, "plugins", "fake", "importer")))
	must(c.t, os.Link(filepath.Join(plugins, "importer"), filepath.Join(home, "plugins", "fake", "importer")))
	downloads.Private = []string{"127.0.0.1"}
	log := hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: h.log})
	var err error
	h.Runtime, err = core.Open(core.Config{Home: home, PluginDirs: []string{filepath.Join(home, "plugins"), plugins}, Limits: limits, Downloads: downloads, Log: log})
	must(c.t, err)
	c.t.Cleanup(func() {
		if !h.Closed() {
			h.Close()
		}
		if c.t.Failed() {
			c.t.Logf("the log:\n%s", h.log)
		}
	})
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) pull(req core.PullRequest) core.Pulled {
	h.t.Helper()
	pulled, err := h.Pull(h.t.Context(), req)
	must(h.t, err)
	return pulled
}

// has checks that a model's file is the one of the catalogue.
func (h *house) has(id string) {
	h.t.Helper()
	h.becomes(id, core.StateReady)
	m, err := h.Model(id)
	must(h.t, err)
	data, err := os.ReadFile(m.Files[0])
	must(h.t, err)
	if !bytes.Equal(data, tinyGGUF()) {
		h.t.Errorf("%s is another file than was offered", m.Files[0])
	}
}

// TestPull catalogues all variants of a repository, and downloads the one that suits
// this machine.
func TestPull(t *testing.T) {
	c := newCatalogue(t)
	c.offer("m", c.plan("m/Q8_0", 9e9), c.plan("m/Q4_K_M", 3e9), c.plan("m/Q2_K", 2e9))
	h := c.shop(core.Limits{Memory: 4e9}, core.Downloads{})
	release := c.hold("m-Q4_K_M.gguf")
	sub := h.listen(0)
	defer sub.Close()

	pulled := h.pull(core.PullRequest{Ref: "fake://m", Overlay: map[string]any{"settings": map[string]any{"ctx_len": 512}}})
	if pulled.Model.ID != "m/Q4_K_M" || pulled.Model.State != core.StateDownloading || !slices.Equal(pulled.Others, []string{"m/Q8_0", "m/Q2_K"}) {
		t.Errorf("pulled %s in %s, and %v", pulled.Model.ID, pulled.Model.State, pulled.Others)
	}
	if _, err := h.Acquire(t.Context(), "m/Q4_K_M", core.Ask{}); sdk.CodeOf(err) != sdk.CodeNotFound {
		t.Errorf("half of a model is used: %v", err)
	}
	h.until("half of it is there", func() bool {
		m, _ := h.Model("m/Q4_K_M")
		return m.Download != nil && m.Download.Done > 0 && m.Download.Total == int64(len(tinyGGUF())) && m.Download.Files[0].Name == "m-Q4_K_M.gguf"
	})
	release()
	h.has("m/Q4_K_M")
	for _, id := range pulled.Others {
		if m, err := h.Model(id); err != nil || m.State != core.StateToDownload || m.Status.Err != nil || fmt.Sprint(m.Manifest.Settings["ctx_len"]) != "512" {
			t.Errorf("%s: %+v, %v", id, m.Status, err)
		}
	}
	var states []string
	progress := false
	for len(states) < 2 {
		switch e := come(t, sub.C); {
		case e.Type == core.EventModelState && e.Model == "m/Q4_K_M":
			states = append(states, e.State)
		case e.Type == core.EventDownloadProgress:
			progress = progress || e.Download.Done > 0
		}
	}
	if !slices.Equal(states, []string{core.StateDownloading, core.StateReady}) || !progress {
		t.Errorf("told of %v, progress %t", states, progress)
	}
	if again := h.pull(core.PullRequest{Ref: "fake://m", Variant: "q4_k_m"}); again.Model.State != core.StateReady || len(again.Others) != 0 {
		t.Errorf("pulled again: %s, %v", again.Model.State, again.Others)
	}
	if counts := h.Downloads(); counts.Files != 1 || counts.Bytes != uint64(len(tinyGGUF())) || counts.Active != 0 || counts.Failures != 0 {
		t.Errorf("counted %+v", counts)
	}
}

// TestPullRemote: the models of a provider are no variants of each other. One keeps
// its id when others come, and what was changed in it.
func TestPullRemote(t *testing.T) {
	c := newCatalogue(t)
	remote := func(id string) sdk.Plan {
		return sdk.Plan{Manifest: sdk.Manifest{ID: id, OwnedBy: "system", Format: "api", Engine: "echo", Metadata: map[string]any{"repository": "https://api.example.com/v1"}}}
	}
	c.offer("one", remote("acme/gpt-4o"))
	c.offer("all", remote("acme/gpt-4o"), remote("acme/gpt-4.1"), remote("acme/o3"))
	h := c.shop(core.Limits{}, core.Downloads{})
	h.pull(core.PullRequest{Ref: "fake://one"})
	pulled := h.pull(core.PullRequest{Ref: "fake://all"})
	if pulled.Model.ID != "acme/gpt-4o" || !slices.Equal(pulled.Others, []string{"acme/gpt-4.1", "acme/o3"}) {
		t.Errorf("got %s and %v", pulled.Model.ID, pulled.Others)
	}
	for _, m := range h.Models() {
		if m.State != core.StateReady || m.Manifest.ID != m.ID {
			t.Errorf("%s is %s, %v", m.ID, m.State, m.Status.Err)
		}
	}
}

// TestPullChoice: which variant is taken, and what is said where none is.
func TestPullChoice(t *testing.T) {
	c := newCatalogue(t)
	c.offer("m", c.plan("m/Q4_K_M", 3e9), c.plan("m/Q2_K", 2e9))
	c.offer("one", c.plan("one", 9e9))
	remote := sdk.Plan{Manifest: sdk.Manifest{ID: "acme/gpt", Format: "api", Engine: "echo"}}
	c.offer("api", remote)
	c.offer("bad", sdk.Plan{Manifest: sdk.Manifest{ID: "../x"}, Files: []sdk.File{{Path: "x.gguf", URL: c.URL + "/x"}}})
	c.offer("outside", sdk.Plan{Manifest: sdk.Manifest{ID: "x"}, Files: []sdk.File{{Path: "../../x.gguf", URL: c.URL + "/x"}}})
	sound := c.plan("sound", 1)
	for _, name := range []string{"model.json", "Q4_K_M.json", ".x.gguf.part", "sub/.hidden/x.gguf", "model.yml"} {
		c.offer(strings.ReplaceAll(name, "/", "-"), sdk.Plan{Manifest: sdk.Manifest{ID: "x"}, Files: []sdk.File{sound.Files[0], {Path: name, URL: c.URL + "/x"}}})
	}
	c.offer("endless", slices.Repeat([]sdk.Plan{sound}, 1001)...)
	c.offer("local", sdk.Plan{Manifest: sdk.Manifest{ID: "x"}, Files: []sdk.File{{Path: "x.gguf", URL: "file:///etc/passwd"}}})
	for name, test := range map[string]struct {
		req   core.PullRequest
		limit uint64
		want  string // id and state, or a part of the error
		code  sdk.Code
	}{
		"all fit":             {req: core.PullRequest{Ref: "fake://m"}, want: "m/Q4_K_M ready"},
		"the second fits":     {req: core.PullRequest{Ref: "fake://m"}, limit: 25e8, want: "m/Q2_K ready"},
		"none fits":           {req: core.PullRequest{Ref: "fake://m"}, limit: 1e9, want: "the smallest, Q2_K, takes about 1.9 GiB", code: sdk.CodeExhausted},
		"named all the same":  {req: core.PullRequest{Ref: "fake://m", Variant: "Q2_K"}, limit: 1e9, want: "m ready"},
		"by its file":         {req: core.PullRequest{Ref: "fake://m", Variant: "m-Q2_K.gguf"}, want: "m ready"},
		"unknown":             {req: core.PullRequest{Ref: "fake://m", Variant: "Q9"}, want: `no variant "Q9"; there are Q4_K_M, Q2_K`, code: sdk.CodeNotFound},
		"one is not chosen":   {req: core.PullRequest{Ref: "fake://one"}, limit: 1e9, want: "one ready"},
		"another id":          {req: core.PullRequest{Ref: "fake://m", ID: "mine/own"}, want: "mine/own ready"},
		"catalogue only":      {req: core.PullRequest{Ref: "fake://m", CatalogueOnly: true}, want: "m/Q4_K_M to_download"},
		"a remote model":      {req: core.PullRequest{Ref: "fake://api"}, want: "acme/gpt ready"},
		"by the importer":     {req: core.PullRequest{Ref: "m", Importer: "fake"}, want: "m/Q4_K_M ready"},
		"no such importer":    {req: core.PullRequest{Ref: "m", Importer: "none"}, want: `no importer "none"; installed are fake`, code: sdk.CodeNotFound},
		"missing":             {req: core.PullRequest{Ref: "fake://none"}, want: "the catalogue says 404", code: sdk.CodeNotFound},
		"nobody's scheme":     {req: core.PullRequest{Ref: "s3://bucket/x"}, want: "no importer for s3:// is installed (installed are fake)", code: sdk.CodeUnsupported},
		"no source":           {req: core.PullRequest{Ref: "what is this"}, want: "is no source", code: sdk.CodeInvalid},
		"an id that is none":  {req: core.PullRequest{Ref: "fake://bad"}, want: "importer fake gave a plan that cannot be used", code: sdk.CodeInternal},
		"a path outside":      {req: core.PullRequest{Ref: "fake://outside"}, want: "importer fake gave a plan that cannot be used", code: sdk.CodeInternal},
		"its model file":      {req: core.PullRequest{Ref: "fake://model.json"}, want: "importer fake gave a plan that cannot be used", code: sdk.CodeInternal},
		"another model file":  {req: core.PullRequest{Ref: "fake://Q4_K_M.json"}, want: "importer fake gave a plan that cannot be used", code: sdk.CodeInternal},
		"an old model file":   {req: core.PullRequest{Ref: "fake://model.yml"}, want: "importer fake gave a plan that cannot be used", code: sdk.CodeInternal},
		"endless":             {req: core.PullRequest{Ref: "fake://endless"}, want: "is 1001 models, which are too many", code: sdk.CodeInvalid},
		"a hidden file":       {req: core.PullRequest{Ref: "fake://.x.gguf.part"}, want: "importer fake gave a plan that cannot be used", code: sdk.CodeInternal},
		"a hidden folder":     {req: core.PullRequest{Ref: "fake://sub-.hidden-x.gguf"}, want: "importer fake gave a plan that cannot be used", code: sdk.CodeInternal},
		"a file of this disk": {req: core.PullRequest{Ref: "fake://local"}, want: "is no web address", code: sdk.CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			h := c.shop(core.Limits{Memory: test.limit}, core.Downloads{})
			pulled, err := h.Pull(t.Context(), test.req)
			if err != nil {
				if test.code == "" || sdk.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v", err)
				}
				if models := h.Models(); len(models) != 0 {
					t.Errorf("left behind: %s", models[0].ID)
				}
				return
			}
			id, state, _ := strings.Cut(test.want, " ")
			if pulled.Model.ID != id || test.code != "" {
				t.Fatalf("pulled %s", pulled.Model.ID)
			}
			h.becomes(id, state)
		})
	}
}

// TestPullMeant: who names no source may mean a model, or a repository.
func TestPullMeant(t *testing.T) {
	h := newCatalogue(t).shop(core.Limits{}, core.Downloads{})
	h.write("models/mistral-7b/model.json", `{"engine": "echo", "source_url": "https://models.example/m.gguf"}`)
	h.becomes("mistral-7b", core.StateToDownload)
	for ref, want := range map[string]string{
		"mistral7b":                          "did you mean 'mistral-7b'?",
		"acme/tiny-GGUF":                     "did you mean 'hf://acme/tiny-GGUF'?",
		"acme/tiny-GGUF:Q4_K_M":              "did you mean 'hf://acme/tiny-GGUF:Q4_K_M'?",
		"what is this":                       "is no source: use hf://OWNER/REPO",
		"https://me:hunter2@acme.org/x.gguf": "'https://acme.org/x.gguf' is no web address",
	} {
		if _, err := h.Pull(t.Context(), core.PullRequest{Ref: sdk.Ref(ref)}); sdk.CodeOf(err) != sdk.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

// TestPullFolders: what is in a folder already is not mixed with another repository.
func TestPullFolders(t *testing.T) {
	c := newCatalogue(t)
	c.offer("m", c.plan("m/Q4_K_M", 1), c.plan("m/Q2_K", 1))
	h := c.shop(core.Limits{}, core.Downloads{})
	h.write("models/m/model.json", `{"format": "api", "engine": "echo", "name": "mine"}`)
	if pulled := h.pull(core.PullRequest{Ref: "fake://m"}); pulled.Model.ID != "acme-m/Q4_K_M" {
		t.Errorf("pulled %s", pulled.Model.ID)
	}
	h.has("acme-m/Q4_K_M")
	if _, err := h.Pull(t.Context(), core.PullRequest{Ref: "fake://m", ID: "m"}); err == nil || !strings.Contains(err.Error(), "use another folder") {
		t.Errorf("%v", err)
	}
}

// TestDownloadAgain: a canceled download keeps what came, does not go on by itself,
// and then goes on with it; one that the end of the server broke off goes on by itself.
func TestDownloadAgain(t *testing.T) {
	c := newCatalogue(t)
	c.offer("m", c.plan("m", 1))
	h := c.shop(core.Limits{}, core.Downloads{Connections: 1})
	partial := func() bool { m, _ := h.Model("m"); return m.Download != nil && m.Download.Done > 0 }
	reopen := func() {
		h.Close()
		h = c.reopen(h.home, core.Limits{}, core.Downloads{Connections: 1})
	}
	release := c.hold("m.gguf")
	defer release()
	h.pull(core.PullRequest{Ref: "fake://m"})
	h.until("half is there", partial)

	m, err := h.Cancel(t.Context(), "m", false)
	must(t, err)
	if m.State != core.StateToDownload || m.Download == nil || m.Download.Phase != core.PhasePaused || m.Status.Err != nil {
		t.Fatalf("canceled: %+v", m.Status)
	}
	kept := m.Download.Done
	reopen()
	h.Resume(t.Context())
	h.until("the partial is known", partial)
	if h.Downloads().Active != 0 {
		t.Error("a canceled download goes on by itself")
	}

	asked := len(c.requests("/files/m.gguf"))
	_, err = h.Download(t.Context(), "m")
	must(t, err)
	h.until("it is asked for", func() bool { return len(c.requests("/files/m.gguf")) > asked })
	if first := c.requests("/files/m.gguf")[asked]; kept == 0 || !strings.Contains(first, fmt.Sprintf("bytes=%d-", kept)) {
		t.Errorf("with %d bytes there it asks for %s", kept, first)
	}
	reopen()
	release()
	h.Resume(t.Context())
	h.has("m")

	must(t, os.Remove(filepath.Join(h.home, "models/m/m.gguf")))
	h.becomes("m", core.StateToDownload)
	release = c.hold("m.gguf")
	defer release()
	_, err = h.Download(t.Context(), "m")
	must(t, err)
	h.until("half is there", partial)
	m, err = h.Cancel(t.Context(), "m", true)
	must(t, err)
	if left, _ := filepath.Glob(filepath.Join(h.home, "models/m/.*.part*")); m.Download != nil || len(left) != 0 {
		t.Errorf("discarded: %+v, %v", m.Download, left)
	}
}

// TestDownloadTurns: so many models at the same time; the others wait, and may be
// called off while they do. A model that is removed is not downloaded any more.
func TestDownloadTurns(t *testing.T) {
	c := newCatalogue(t)
	for _, id := range []string{"a", "b", "d"} {
		c.offer(id, c.plan(id, 1))
	}
	h := c.shop(core.Limits{}, core.Downloads{Models: 1})
	release := c.hold("a.gguf")
	defer release()
	for _, id := range []string{"a", "b", "d"} {
		h.pull(core.PullRequest{Ref: sdk.Ref("fake://" + id)})
	}
	h.until("b waits", func() bool { m, _ := h.Model("b"); return m.Download.Phase == core.PhaseWaiting })
	if m, err := h.Cancel(t.Context(), "b", false); err != nil || m.State != core.StateToDownload {
		t.Errorf("%s, %v", m.State, err)
	}
	if state, err := h.Remove(t.Context(), "a", true); err != nil || state != "" {
		t.Errorf("%s, %v", state, err)
	}
	h.has("d")
	if h.Downloads().Active != 0 {
		t.Errorf("%+v", h.Downloads())
	}
}

// TestDownloadTokens: the token that an importer finds goes to the origin of its
// catalogue, and to nobody else; without it the importer says what is missing.
func TestDownloadTokens(t *testing.T) {
	c, other := newCatalogue(t), newCatalogue(t)
	c.token = "secret-token"
	plan := c.plan("m", 1)
	c.offer("m", plan)
	c.offer("file-m.gguf", plan)
	elsewhere := other.plan("n", 1)
	c.offer("n", elsewhere)
	h := c.shop(core.Limits{}, core.Downloads{})
	h.pull(core.PullRequest{Ref: "fake://m"})
	h.until("it was refused", func() bool { m, _ := h.Model("m"); return m.State == core.StateToDownload && m.Status.Err != nil })
	if m, _ := h.Model("m"); sdk.CodeOf(m.Status.Err) != sdk.CodeUnauthorized {
		t.Errorf("%v", m.Status.Err)
	}
	h.write("token", "secret-token\n")
	h.pull(core.PullRequest{Ref: "fake://m"})
	h.has("m")
	h.pull(core.PullRequest{Ref: "fake://n"})
	h.has("n")
	if asked := c.requests("/plans/n"); !strings.Contains(asked[len(asked)-1], "secret-token") {
		t.Errorf("the importer did not get the token: %v", asked)
	}
	for _, asked := range other.requests("/") {
		if strings.Contains(asked, "secret") {
			t.Errorf("a token went elsewhere: %s", asked)
		}
	}
	if strings.Contains(h.log.String(), "secret-token") {
		t.Error("the token is in the log")
	}
}

// TestDownloadOldFiles: model files that name an address, or a repository, are
// downloaded; the importer says what they must be.
func TestDownloadOldFiles(t *testing.T) {
	c := newCatalogue(t)
	plan := c.plan("m/Q4_K_M", 1)
	c.offer("m", c.plan("m/Q8_0", 1), plan)
	c.offer("file-m-Q4_K_M.gguf", plan)
	h := c.shop(core.Limits{}, core.Downloads{})
	h.write("models/old/old.json", `{"source_url": "fake://m", "metadata": {"engine": "echo", "quantization": "Q4_K_M"}}`)
	h.write("models/address/address.json", `{"source_url": "`+plan.Files[0].URL+`"}`)
	h.write("models/none/none.json", `{"source_url": "s3://x/y.gguf"}`)
	for _, id := range []string{"old", "address"} {
		m, err := h.Download(t.Context(), id)
		if err != nil || m.State != core.StateDownloading {
			t.Fatalf("%s: %s, %v", id, m.State, err)
		}
		h.has(id)
	}
	if m, _ := h.Model("old"); m.Manifest.Sources[0].Filename != "m-Q4_K_M.gguf" || m.Manifest.Metadata["repository"] != "fake://m" {
		t.Errorf("the repository became %+v", m.Manifest)
	}
	if _, err := h.Download(t.Context(), "none"); sdk.CodeOf(err) != sdk.CodeUnsupported {
		t.Errorf("%v", err)
	}
}

// TestPullSmallFiles: what lies beside weights has no checksum at a catalogue, and
// alone is no model there.
func TestPullSmallFiles(t *testing.T) {
	c := newCatalogue(t)
	plan := c.plan("m", 1)
	c.files["config.json"] = []byte("{}")
	plan.Files = append(plan.Files, sdk.File{Path: "config.json", URL: c.URL + "/files/config.json", Size: 2})
	c.offer("m", plan)
	h := c.shop(core.Limits{}, core.Downloads{})
	h.pull(core.PullRequest{Ref: "fake://m"})
	h.has("m")
	if data, err := os.ReadFile(filepath.Join(h.home, "models", "m", "config.json")); err != nil || string(data) != "{}" {
		t.Errorf("config.json: %q, %v", data, err)
	}
	if asked := c.requests("/plans/file-"); len(asked) > 0 {
		t.Errorf("the importer was asked for %q", asked)
	}
}

// TestPullWeb takes a file at any web address, all parts of it, and no web page.
func TestPullWeb(t *testing.T) {
	c := newCatalogue(t)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "page"):
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>please log in</html>")
		case strings.HasSuffix(r.URL.Path, ".gguf"):
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(tinyGGUF()))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(plain.Close)
	h := c.shop(core.Limits{}, core.Downloads{})
	if pulled := h.pull(core.PullRequest{Ref: sdk.Ref(plain.URL + "/a/tiny.gguf?download=true")}); pulled.Model.ID != "tiny" {
		t.Errorf("pulled %s", pulled.Model.ID)
	}
	h.has("tiny")
	for address, code := range map[string]sdk.Code{"/page.gguf": sdk.CodeUnauthorized, "/none.bin": sdk.CodeNotFound} {
		if _, err := h.Pull(t.Context(), core.PullRequest{Ref: sdk.Ref(plain.URL + address)}); sdk.CodeOf(err) != code {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := h.Pull(t.Context(), core.PullRequest{Ref: "http://10.1.2.3/x.gguf"}); err == nil || !strings.Contains(err.Error(), "download_private") {
		t.Errorf("a private address: %v", err)
	}
	if n := len(h.Models()); n != 1 {
		t.Errorf("%d models", n)
	}
}

// TestSearch asks the importers.
func TestSearch(t *testing.T) {
	c := newCatalogue(t)
	h := c.shop(core.Limits{}, core.Downloads{})
	found, err := h.Search(t.Context(), "words", "", 1)
	if err != nil || len(found) != 1 || found[0].Importer != "fake" || found[0].Name != "m words" {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := h.Search(t.Context(), "words", "none", 1); sdk.CodeOf(err) != sdk.CodeNotFound {
		t.Errorf("%v", err)
	}
	bare := open(t, core.Limits{}, nil)
	if _, err := bare.Search(t.Context(), "words", "", 1); sdk.CodeOf(err) != sdk.CodeUnsupported {
		t.Errorf("%v", err)
	}
}
