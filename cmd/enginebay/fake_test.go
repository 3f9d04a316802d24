package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a server with the routes of downloads, in which nothing happens but what
// a test makes happen.
type fake struct {
	t       *testing.T
	addr    string
	mu      sync.Mutex
	models  map[string]*model
	sources map[string]string // the model that a source gives
	asked   []string          // the requests that changed something
	listen  map[chan event]bool
	deaf    bool // no events
	server  *httptest.Server
	journal *journal // of what the command prints
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, addr: "127.0.0.1:0", models: map[string]*model{}, sources: map[string]string{}, listen: map[chan event]bool{}, journal: &journal{}}
	f.start()
	t.Cleanup(f.stop)
	return f
}

// start serves, again at the same address.
func (f *fake) start() {
	listener, err := net.Listen("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/events", f.events)
	mux.HandleFunc("GET /v1/models", f.list)
	mux.HandleFunc("POST /v1/models", f.create)
	mux.HandleFunc("/v1/models/", f.one)
	f.server = httptest.NewUnstartedServer(mux)
	f.server.Listener.Close()
	f.server.Listener = listener
	f.server.Start()
	f.addr = listener.Addr().String()
}

// stop breaks every connection off, as a kill does.
func (f *fake) stop() {
	f.server.CloseClientConnections()
	f.server.Close()
}

func (f *fake) add(m model) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.models[m.ID] = &m
}

// change changes a model and tells of it.
func (f *fake) change(id string, how func(*model)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.models[id]
	how(m)
	e := event{Type: "model.state", Model: id, State: m.State}
	if m.State == "downloading" && m.Download != nil {
		copied := *m.Download
		e = event{Type: "download.progress", Model: id, Download: &copied}
	}
	for c := range f.listen {
		c <- e
	}
}

func (f *fake) events(w http.ResponseWriter, r *http.Request) {
	if f.deaf {
		http.Error(w, `{"error":{"message":"256 clients listen already"}}`, http.StatusServiceUnavailable)
		return
	}
	c := make(chan event, 100)
	f.mu.Lock()
	f.listen[c] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.listen, c)
	}()
	for id := 1; ; id++ {
		_ = http.NewResponseController(w).Flush()
		select {
		case e := <-c:
			data, _ := json.Marshal(e)
			fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", id, e.Type, data)
		case <-r.Context().Done():
			return
		}
	}
}

func (f *fake) list(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*model
	for _, m := range f.models {
		all = append(all, m)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": all})
}

func (f *fake) create(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Source   string
		Download *bool
	}
	data, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(data, &body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, "POST "+string(data))
	m := f.models[f.sources[body.Source]]
	if m == nil {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"error":{"message":"%s is gated: accept its terms there, then set HF_TOKEN","code":"unauthorized"}}`, body.Source)
		return
	}
	if body.Download == nil {
		m.State = "downloading"
	}
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(begun{ID: m.ID, State: m.State, Others: []string{"a", "b"}})
}

func (f *fake) one(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/v1/models/")
	id, download := strings.CutSuffix(path, "/download")
	id, cancel := strings.CutSuffix(id, "/cancel")
	m := f.models[id]
	if m == nil {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"error":{"message":"The model '%s' does not exist","code":"model_not_found"}}`, id)
		return
	}
	if r.Method != http.MethodGet {
		f.asked = append(f.asked, r.Method+" "+path)
	}
	switch {
	case download && m.State == "to_download":
		m.State, m.Error = "downloading", ""
	case cancel:
		m.State = "to_download"
	}
	_ = json.NewEncoder(w).Encode(m)
}

// did waits until the server was asked for something.
func (f *fake) did(what string) {
	f.t.Helper()
	waitFor(f.t, what, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, asked := range f.asked {
			if strings.Contains(asked, what) {
				return true
			}
		}
		return false
	})
}

// listened waits until somebody listens to the events.
func (f *fake) listened() {
	f.t.Helper()
	waitFor(f.t, "a listener", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.listen) > 0
	})
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within 30 s", what)
		}
	}
}

// command is one that runs against a server.
type command struct {
	out       bytes.Buffer // its standard output, to be read after wait
	told      journal      // its standard error
	err       error
	ended     chan struct{}
	interrupt context.CancelFunc // Ctrl-C
}

// run runs a command line without a terminal.
func (f *fake) run(args ...string) *command {
	f.t.Helper()
	c := &command{ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(f.t.Context())
	c.interrupt = cancel
	root := newRoot()
	root.SetArgs(append(args, "--addr", f.addr, "--home", f.t.TempDir(), "--no-start"))
	root.SetIn(strings.NewReader(""))
	root.SetOut(&c.out)
	root.SetErr(&c.told)
	go func() { defer close(c.ended); c.err = root.ExecuteContext(ctx) }()
	f.t.Cleanup(func() { cancel(); <-c.ended })
	return c
}

// wait waits for its end.
func (c *command) wait(t *testing.T) error {
	t.Helper()
	select {
	case <-c.ended:
	case <-time.After(30 * time.Second):
		t.Fatalf("the command does not end; it said\n%s", c.told.text())
	}
	return c.err
}
