package sdktest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// fake is an engine as it should be, but for one fault.
type fake struct {
	fault string

	mu         sync.Mutex
	config     sdk.Configuration
	configured int
	living     int
	kept       [][]byte
	open       []*os.File
	busy       sync.Mutex // held by a request, where the fault is that there may be one
}

func (f *fake) Configure(_ context.Context, c sdk.Configuration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.config = c
	if f.configured++; f.configured == 2 && f.fault == "configures once" {
		return errors.New("configured already")
	}
	return nil
}

func (f *fake) Inspect(_ context.Context, req sdk.LoadRequest) (sdk.Inspection, error) {
	if f.fault == "inspect starts something" {
		go func() { <-time.After(time.Minute) }()
	}
	if req.Model.ID == "foreign" {
		if f.fault == "inspect fails" {
			return sdk.Inspection{}, sdk.Errorf(sdk.CodeUnsupported, "a foreign model")
		}
		return sdk.Inspection{Reasons: []string{"it is foreign"}}, nil
	}
	return sdk.Inspection{Operations: []sdk.Operation{sdk.OpChat}}, nil
}

func (f *fake) Load(ctx context.Context, req sdk.LoadRequest, progress func(sdk.Progress)) (sdk.Instance, error) {
	if err := f.refuse(req); err != nil {
		return nil, err
	}
	for _, fraction := range []float64{0, 0.5, 1} {
		if f.fault == "progress falls" {
			fraction = 1 - fraction
		}
		progress(sdk.Progress{Fraction: fraction})
	}
	if strings.Contains(string(req.Settings), `"slow":true`) {
		if f.fault == "ignores the cancel" {
			ctx = context.Background()
		}
		select {
		case <-ctx.Done():
			if f.fault == "goes on for a while" {
				<-time.After(1500 * time.Millisecond)
			}
			return nil, ctx.Err()
		case <-time.After(10 * time.Second):
		}
	}
	if err := f.misbehave(); err != nil {
		return nil, err
	}
	if f.fault == "leaves an orphan" {
		if err := exec.Command("setsid", "sleep", "60").Start(); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.living++; f.living > 1 && f.fault == "one at a time" {
		return nil, sdk.Errorf(sdk.CodeExhausted, "one model is loaded already")
	}
	i := &instance{fake: f, model: req.Model.ID, file: filepath.Join(f.config.RunDir, req.Model.ID+".tmp"), ended: make(chan struct{})}
	if f.fault == "wait returns" {
		close(i.ended)
	}
	return i, f.publish(i)
}

// refuse says what is wrong with a request.
func (f *fake) refuse(req sdk.LoadRequest) error {
	var s struct {
		Number int `json:"number"`
	}
	if err := req.Decode(&s); err != nil {
		if f.fault == "refuses without a code" {
			return errors.New("no")
		}
		return err
	}
	if req.Model.ID == "foreign" {
		return sdk.Errorf(sdk.CodeUnsupported, "a foreign model")
	}
	if notes, _ := req.Model.Manifest.Metadata["notes"].(string); len(notes) > 4<<20 && f.fault == "small messages" {
		return sdk.Errorf(sdk.CodeExhausted, "the model file is too large")
	}
	if _, err := os.Stat(req.Model.Files[0]); err != nil && f.fault != "loads missing weights" {
		return sdk.Errorf(sdk.CodeNotFound, "the weights are missing")
	}
	return nil
}

// misbehave does what no load may do.
func (f *fake) misbehave() error {
	switch f.fault {
	case "writes in the home folder":
		return os.WriteFile(filepath.Join(os.Getenv("HOME"), ".fakerc"), nil, 0o600)
	case "leaves temporary files":
		_, err := os.MkdirTemp("", "fake")
		return err
	case "logs secrets":
		f.config.Log.Info("loading", "key", f.config.Secrets["api_key"])
	case "secret in a command line":
		return exec.Command("sh", "-c", "sleep 60", f.config.Secrets["api_key"]).Start()
	case "keeps memory":
		f.kept = append(f.kept, bytes.Repeat([]byte{1}, 1<<20))
	case "outlives the core":
		return exec.Command("sleep", "60").Start() // in the plugin's group, without a lifeline
	case "keeps files open":
		file, err := os.Open(os.Args[0])
		f.open = append(f.open, file)
		return err
	}
	return nil
}

// publish listens itself where that is the fault.
func (f *fake) publish(i *instance) error {
	if f.fault != "public socket" {
		return nil
	}
	listener, err := net.Listen("unix", i.file+".sock")
	if err != nil {
		return err
	}
	i.server = &http.Server{Handler: i}
	go func() { _ = i.server.Serve(listener) }()
	return os.Chmod(i.file+".sock", 0o666)
}

type instance struct {
	fake   *fake
	model  string
	file   string
	server *http.Server
	ended  chan struct{}
	once   sync.Once
}

func (i *instance) Endpoint() sdk.Endpoint {
	e := sdk.Endpoint{Handler: i, Detour: i, DetourStreams: []string{"chat/completions tool_choice"}, Parallel: 4,
		Operations: []sdk.Operation{sdk.OpChat, sdk.OpSpeech, sdk.OpTranscription}}
	if i.server != nil {
		e.Handler, e.Socket = nil, i.file+".sock"
	}
	return e
}

func (i *instance) Wait() error {
	<-i.ended
	return nil
}

func (i *instance) Close(context.Context) error {
	i.once.Do(func() {
		i.fake.mu.Lock()
		i.fake.living--
		i.fake.mu.Unlock()
		switch i.fake.fault {
		case "leaves a goroutine":
			go func() { <-time.After(time.Minute) }()
		case "leaves a file":
			_ = os.WriteFile(i.file, nil, 0o600)
		}
		if i.server != nil {
			i.server.Close()
		}
		if i.fake.fault != "wait returns" {
			close(i.ended)
		}
	})
	return nil
}

// ServeHTTP answers a chat, speaks and listens.
func (i *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == sdk.OpTranscription.Path() {
		i.listen(w, r)
		return
	}
	if i.fake.fault == "one request at a time" {
		if !i.fake.busy.TryLock() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		defer i.fake.busy.Unlock()
		<-time.After(100 * time.Millisecond)
	}
	if i.fake.fault == "computes for nobody" {
		i.fake.busy.Lock()
		<-time.After(700 * time.Millisecond)
		i.fake.busy.Unlock()
	}
	var req struct {
		Stream bool
		Choice any `json:"tool_choice"`
	}
	body, _ := io.ReadAll(r.Body)
	if len(body) > 1<<20 && i.fake.fault == "small requests" {
		panic(http.ErrAbortHandler)
	}
	if err := json.Unmarshal(body, &req); err != nil && i.fake.fault != "takes nonsense" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":{"message":"no JSON"}}`)
		return
	}
	if r.URL.Path == sdk.OpSpeech.Path() && i.fake.fault != "speech that is text" {
		w.Header().Set("Content-Type", "audio/wav")
		fmt.Fprint(w, "RIFF")
		return
	}
	if i.fake.fault == "serves slow readers first" {
		i.fake.busy.Lock()
		defer i.fake.busy.Unlock()
	}
	model := i.model
	if i.fake.fault == "other name" {
		model = "/models/weights.gguf"
	}
	if !req.Stream || req.Choice != nil && i.fake.fault == "a detour that is no stream" {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"object":"chat.completion","model":%q,"choices":[{"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"total_tokens":2}}`, model)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	switch i.fake.fault {
	case "serves slow readers first":
		fmt.Fprintf(w, ": %s\n\n", strings.Repeat("x", 900<<10)) // more than buffers take
	case "cuts slow readers":
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		fmt.Fprintf(w, ": %s\n\n", strings.Repeat("x", 900<<10))
	}
	fmt.Fprintf(w, "data: {\"object\":\"chat.completion.chunk\",\"model\":%q,\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n", model)
	if i.fake.fault != "no end" {
		fmt.Fprint(w, "data: [DONE]\n\n")
	}
}

// listen writes down what is said: nothing.
func (i *instance) listen(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	file, _, err := r.FormFile("file")
	if err != nil || r.FormValue("model") != i.model || i.fake.fault == "hears nothing" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":{"message":"no file, or not of this model"}}`)
		return
	}
	file.Close()
	fmt.Fprint(w, `{"text":""}`)
}

// catalogue is an importer as it should be, but for one fault.
type catalogue struct {
	fault string
	count int
	token string
}

func (c *catalogue) Configure(_ context.Context, config sdk.Configuration) error {
	c.token = config.Secrets["token"]
	return nil
}

func (c *catalogue) Resolve(ctx context.Context, ref sdk.Ref) ([]sdk.Plan, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch ref {
	case "fake://missing":
		if c.fault == "missing is invalid" {
			return nil, sdk.Errorf(sdk.CodeInvalid, "no")
		}
		if c.fault == "secret in the error" {
			return nil, sdk.Errorf(sdk.CodeNotFound, "there is no such model with the token %s", c.token)
		}
		return nil, sdk.Errorf(sdk.CodeNotFound, "there is no such model")
	case "bad":
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s is no ref of this catalogue", ref)
	}
	file := sdk.File{Path: "a/w.gguf", URL: "https://example.com/w.gguf", Size: 5, SHA256: strings.Repeat("ab", 32)}
	switch c.fault {
	case "secret in the address":
		file.URL += "?token=s3cret"
	case "path outside":
		file.Path = "../w.gguf"
	case "local file":
		file.URL = "file:///etc/passwd"
	case "changes its mind":
		c.count++
		file.Size = int64(c.count)
	}
	return []sdk.Plan{{Manifest: sdk.Manifest{ID: "m", Format: "gguf"}, Files: []sdk.File{file}}}, nil
}

func (c *catalogue) Search(_ context.Context, _ string, limit int) ([]sdk.Hit, error) {
	if c.fault == "too many hits" {
		limit = 7
	}
	hit := sdk.Hit{Ref: "fake://m", Name: "M"}
	if c.fault == "hit without a ref" {
		hit.Ref = ""
	}
	return slices.Repeat([]sdk.Hit{hit}, limit), nil
}
