package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/api"
	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/store"
)

// plugins is a folder with the fake engine and the fake importer in it, built once.
var plugins string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		panic(err)
	}
	plugins = dir
	for name, source := range map[string]string{"engine-echo": "../../examples/engine-echo", "importer-shelf": "./testdata/importer-shelf"} {
		if err := build(filepath.Join(dir, name), source); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.RemoveAll(programsDir())
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/enginebay/enginebay/sdk/process.fork"),
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2")); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines leak:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func build(dir, source string) error {
	out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", dir+"/bin/", source).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build %s: %w\n%s", source, err, out)
	}
	manifest, err := os.ReadFile(filepath.Join(source, "plugin.json"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "plugin.json"), manifest, 0o600)
}

// bay is a server under test.
type bay struct {
	t       testing.TB
	url     string
	home    string
	shared  string // folder of models that is only read
	log     *journal
	runtime *core.Runtime
	server  *api.Server
	client  *http.Client
	secret  string // API key that it is asked with; empty: none
	close   func() // once; also called at the test's end
}

// newBay serves a home with the given models: id → settings for the fake engine.
func newBay(t testing.TB, models map[string]string, change ...func(*api.Config)) *bay {
	t.Helper()
	return newBayWith(t, []string{plugins}, models, change...)
}

// newBayWith is newBay with the plugins of other folders.
func newBayWith(t testing.TB, pluginDirs []string, models map[string]string, change ...func(*api.Config)) *bay {
	t.Helper()
	b := &bay{t: t, home: t.TempDir(), shared: t.TempDir(), log: &journal{}, client: &http.Client{Transport: &http.Transport{}}}
	for id, settings := range models {
		b.write("models/"+id+"/model.json", `{"engine": "echo", "format": "api", "settings": `+settings+`}`)
	}
	log := hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: b.log})
	var err error
	b.runtime, err = core.Open(core.Config{Home: b.home, ModelDirs: []store.Root{{Dir: b.shared}}, PluginDirs: pluginDirs, Downloads: core.Downloads{Private: []string{"127.0.0.1"}}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := api.Config{Runtime: b.runtime, Version: "test", Conversations: b.openStore(log), Sole: true, Log: log}
	for _, c := range change {
		c(&config)
	}
	b.server = api.New(config)
	served := make(chan error, 1)
	go func() { served <- b.server.Serve(listener) }()
	b.url = "http://" + listener.Addr().String()
	b.close = sync.OnceFunc(func() { // as serve does
		b.client.CloseIdleConnections()
		var wait sync.WaitGroup
		wait.Go(b.runtime.Close)
		wait.Go(func() {
			if err := b.server.Shutdown(10 * time.Second); err != nil {
				t.Errorf("shutdown: %v", err)
			}
		})
		wait.Wait()
		<-served
	})
	t.Cleanup(b.close)
	return b
}

// openStore opens the database in the home; a test has that of its own.
func (b *bay) openStore(log hclog.Logger) *conversation.Store {
	b.t.Helper()
	db, err := database.Open(context.Background(), database.Config{File: filepath.Join(b.home, "test.db"), Migrations: conversation.Migrations, Log: log})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { db.Close() })
	s, err := conversation.Open(context.Background(), db, log)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *bay) write(name, content string) {
	b.t.Helper()
	file := filepath.Join(b.home, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		b.t.Fatal(err)
	}
	temp := filepath.Join(b.home, "written") // and renamed: the server must not see half of it
	if err := os.WriteFile(temp, []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Rename(temp, file); err != nil {
		b.t.Fatal(err)
	}
}

// do sends a request and returns status and body.
func (b *bay) do(method, path, body string) (int, string) {
	b.t.Helper()
	resp := b.open(method, path, body)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, string(data)
}

func (b *bay) open(method, path, body string) *http.Response {
	b.t.Helper()
	req, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if b.secret != "" {
		req.Header.Set("Authorization", "Bearer "+b.secret)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp
}

// chat is the body of a chat request.
func chat(model, text string, more ...string) string {
	return fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%q}]%s}`, model, text, strings.Join(append([]string{""}, more...), ","))
}

type errorBody struct {
	Error struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	} `json:"error"`
}

// openAIError reads an error and insists on its form.
func openAIError(t testing.TB, body string) errorBody {
	t.Helper()
	var e errorBody
	dec := json.NewDecoder(strings.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil || e.Error.Message == "" || e.Error.Type == "" {
		t.Fatalf("no error in OpenAI's form: %s (%v)", body, err)
	}
	for _, key := range []string{`"param":`, `"code":`} {
		if !strings.Contains(body, key) {
			t.Errorf("the error has no %s: %s", key, body)
		}
	}
	return e
}

// journal is a log that tests can wait on.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// wait blocks until the log holds a text so many times.
func (j *journal) wait(t testing.TB, text string, times int, within time.Duration) {
	t.Helper()
	deadline := time.Now().Add(within)
	for strings.Count(j.String(), text) < times {
		if time.Now().After(deadline) {
			t.Fatalf("the log does not say %q %d times within %v:\n%s", text, times, within, j)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
