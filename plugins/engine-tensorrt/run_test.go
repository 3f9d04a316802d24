package main

import (
	"bufio"
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
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

// runHere loads a model with a fake trtllm-serve that has knobs.
func runHere(t *testing.T, e *engine, knobs, settings string, progress func(sdk.Progress)) (sdk.Instance, error) {
	t.Helper()
	run := t.TempDir()
	all := map[string]any{"trtllm_serve": wrapper(t, knobs)}
	if err := json.Unmarshal([]byte(settings), &all); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	inst, err := e.Load(t.Context(), sdk.LoadRequest{Model: small(t), Settings: raw, RunPath: filepath.Join(run, "load"), Log: hclog.NewNullLogger()}, progress)
	if inst != nil {
		t.Cleanup(func() { inst.Close(context.Background()) })
	}
	if left, err := os.ReadDir(run); err != nil || len(left) > 0 {
		t.Errorf("left in the run folder: %v, %v", left, err)
	}
	return inst, err
}

func nothing(sdk.Progress) {}

// TestLoadFails is what a user is told when trtllm-serve ends.
func TestLoadFails(t *testing.T) {
	tests := map[string]struct {
		knobs, settings string
		code            sdk.Code
		says            string
	}{
		"memory of the GPU": {"oom", `{}`, sdk.CodeExhausted, "the GPU has too little memory; lower kv_cache_fraction"},
		"no room for cache": {"cache", `{}`, sdk.CodeExhausted, "no room is left"},
		"driver":            {"driver", `{}`, sdk.CodeUnavailable, "driver is too old"},
		"no GPU":            {"nogpu", `{}`, sdk.CodeUnavailable, "finds no GPU"},
		"import":            {"import", `{}`, sdk.CodeUnavailable, "No module named 'tensorrt_llm.bindings'"},
		"architecture":      {"arch", `{}`, sdk.CodeUnsupported, "newer TensorRT-LLM"},
		"no word":           {"silent", `{}`, sdk.CodeInternal, "exit status 3"},
		"unknown argument":  {"", `{"extra_args": ["--frob"]}`, sdk.CodeInvalid, "does not know the argument --frob"},
		"wrong value":       {"", `{"extra_args": ["--kv_cache_dtype", "q4"]}`, sdk.CodeInvalid, "invalid value for --kv_cache_dtype"},
		"port always taken": {"port /nowhere/file", `{}`, sdk.CodeUnavailable, "port was taken"},
		"engines":           {"", `{"backend": "tensorrt"}`, sdk.CodeUnsupported, "dropped in 2026"},
		"no program":        {"", `{"trtllm_serve": "/nowhere/trtllm-serve"}`, sdk.CodeInvalid, "/nowhere/trtllm-serve"},
		"old template":      {"", `{"prompt_template": "no marker"}`, sdk.CodeInvalid, "{prompt}"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := runHere(t, newEngine(), test.knobs, test.settings, nothing)
			var refused *sdk.Error
			if !errors.As(err, &refused) || refused.Code != test.code || !strings.Contains(refused.Message, test.says) || strings.Contains(refused.Message, "\n") {
				t.Errorf("got %s, %v; want %s, %q", sdk.CodeOf(err), err, test.code, test.says)
			}
		})
	}
}

// TestPortIsTaken: trtllm-serve is started again with another port.
func TestPortIsTaken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "taken")
	inst, err := runHere(t, newEngine(), "port "+file, `{}`, nothing)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error("the first port was not taken")
	}
	if !strings.HasPrefix(inst.Endpoint().URL, "http://127.0.0.1:") {
		t.Errorf("%+v", inst.Endpoint())
	}
}

// TestPortsDiffer: loads at the same time never choose the same.
func TestPortsDiffer(t *testing.T) {
	e := newEngine()
	seen, all := sync.Map{}, sync.WaitGroup{}
	for range 50 {
		all.Go(func() {
			var port int
			if _, err := e.takePort(&port); err != nil {
				t.Error(err)
			}
			if _, twice := seen.LoadOrStore(port, true); twice {
				t.Errorf("port %d is chosen twice", port)
			}
		})
	}
	all.Wait()
}

// TestSomebodyElse: a server at the port that is not the one that was started is not ours.
func TestSomebodyElse(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	if err := owned(portOf(t, other.URL), 1); err == nil || !errors.Is(err, errPort) { // our own process group is not that of process 1
		t.Errorf("got %v", err)
	}
}

// TestSettled: what the log and the server say of themselves.
func TestSettled(t *testing.T) {
	var notes []string
	inst, err := runHere(t, newEngine(), "", `{"n_parallel": 3, "chat_template": "{{ messages }}", "dtype": "bfloat16"}`, func(p sdk.Progress) { notes = append(notes, p.Note) })
	if err != nil {
		t.Fatal(err)
	}
	e := inst.Endpoint()
	if e.Memory != 4<<30 || e.Parallel != 3 || fmt.Sprint(e.Operations) != "[chat/completions completions]" || e.URL == "" || e.Detour == nil {
		t.Errorf("%+v", e)
	}
	if len(notes) == 0 {
		t.Error("no progress was told")
	}
}

// TestPhases: progress never goes back, and what is unknown changes nothing.
func TestPhases(t *testing.T) {
	l := &startLog{}
	var now sdk.Progress
	l.progress = func(p sdk.Progress) { now = p }
	last := -2.0
	for _, line := range []string{"", "TensorRT-LLM version: 1.3.0", "Using LLM with PyTorch backend", "Loading weights: 10%", "hello", "Using LLM with PyTorch backend",
		"[MemUsageChange] Allocated 2.50 GiB for max tokens in paged KV cache (1).", "Running CUDA graph warmup", "INFO:     Application startup complete."} {
		l.line(line)
		l.report()
		if now.Fraction < last || now.Note == "" {
			t.Errorf("%q: %+v after %v", line, now, last)
		}
		last = now.Fraction
	}
	if last < 0.9 || l.memory() != 0 { // of the weights nothing was said
		t.Errorf("%v, %d", last, l.memory())
	}
}

// TestEnvironment: nothing of the plugin's own goes to the program, and it is told to
// download and to report nothing.
func TestEnvironment(t *testing.T) {
	t.Setenv("ENGINEBAY_LIFELINE", "stdin")
	t.Setenv("PLUGIN_CLIENT_CERT", "secret")
	t.Setenv("CUDA_VISIBLE_DEVICES", "1")
	env := "\n" + strings.Join(childEnvironment(), "\n") + "\n"
	for _, want := range []string{"\nHF_HUB_OFFLINE=1\n", "\nTRTLLM_NO_USAGE_STATS=1\n", "\nCUDA_VISIBLE_DEVICES=1\n", "\nPATH="} {
		if !strings.Contains(env, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(env, "ENGINEBAY_") || strings.Contains(env, "PLUGIN_") {
		t.Error("the program sees what is the plugin's")
	}
}

// TestRelay: the model's name is that of here, with and without a key; errors have
// OpenAI's form; what was left out is there.
func TestRelay(t *testing.T) {
	address := serving(t, "theirs", "key s3cret")
	e := newEngine()
	for _, key := range []string{"s3cret", "wrong", ""} {
		if err := e.Configure(t.Context(), sdk.Configuration{Secrets: map[string]string{"api_key": key}}); err != nil {
			t.Fatal(err)
		}
		inst, err := tryThere(t, e, fmt.Sprintf(`{"base_url": %q}`, address))
		if key != "s3cret" {
			if sdk.CodeOf(err) != sdk.CodeUnauthorized || strings.Contains(err.Error(), "wrong") {
				t.Errorf("key %q: %v", key, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		w := post(t, inst, "chat/completions", `{"model": "here", "messages": [{"role": "user", "content": "a b"}]}`)
		if text := w.Body.String(); !strings.Contains(text, `"model":"here"`) || !strings.Contains(text, `"refusal":null`) || strings.Contains(text, "theirs") {
			t.Errorf("%s", text)
		}
		w = post(t, inst, "chat/completions", `{"model": "here", "stream": true, "messages": [{"role": "user", "content": "a b"}]}`)
		if text := w.Body.String(); strings.Count(text, `"model":"here"`) != 3 || strings.Contains(text, "theirs") || !strings.HasSuffix(text, "data: [DONE]\n\n") {
			t.Errorf("%s", text)
		}
		w = post(t, inst, "chat/completions", `{"model": "here"}`)
		if r := answered(t, w); w.Code != 400 || !strings.Contains(r.Error.Message, "Field required") || r.Error.Type != "invalid_request_error" {
			t.Errorf("%d: %s", w.Code, w.Body)
		}
	}
}

// TestRelayOfABrokenServer: half an answer is none.
func TestRelayOfABrokenServer(t *testing.T) {
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		switch {
		case bytes.Contains(text, []byte("moved")):
			http.Redirect(w, r, "http://127.0.0.1:1/elsewhere", http.StatusTemporaryRedirect)
		case bytes.Contains(text, []byte("busy")):
			w.Header().Set("Retry-After", "7")
			http.Error(w, "too many", http.StatusTooManyRequests)
		default:
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: {\"model\":\"x\"}\n\n")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	}))
	defer behind.Close()
	r := &relay{server: &remote{base: behind.URL, client: newClient()}, there: "x", here: "y"}
	defer r.server.close()
	front := httptest.NewServer(r)
	defer front.Close()
	ask := func(prompt string) *http.Response {
		resp, err := front.Client().Post(front.URL+"/v1/completions", "application/json", strings.NewReader(`{"stream": true, "prompt": "`+prompt+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	cut := ask("a")
	lines := bufio.NewReader(cut.Body)
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, `"model":"y"`) {
		t.Errorf("%q, %v", line, err)
	}
	if _, err := io.ReadAll(lines); err == nil {
		t.Error("half a stream looks like a whole one")
	}
	if resp := ask("busy"); resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "7" {
		t.Errorf("busy: %d", resp.StatusCode)
	}
	if resp := ask("moved"); resp.StatusCode < 400 {
		t.Errorf("a redirect is followed, or passed on: %d", resp.StatusCode)
	}
}
