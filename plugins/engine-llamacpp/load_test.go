package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

func newEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{}
	if err := e.Configure(t.Context(), sdk.Configuration{}); err != nil {
		t.Fatal(err)
	}
	return e
}

// runPath is in a run folder, whose content the test's end checks.
func runPath(t *testing.T) string {
	t.Helper()
	run, err := os.MkdirTemp("", "eb") // short: it is part of a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left, err := os.ReadDir(run); err != nil || len(left) > 0 {
			t.Errorf("left in the run folder: %v, %v", left, err)
		}
		os.RemoveAll(run)
	})
	return filepath.Join(run, "load")
}

func (e *engine) try(t *testing.T, m sdk.Model, settings string) (sdk.Instance, error) {
	t.Helper()
	return e.load(t, m, settings, hclog.NewNullLogger())
}

func (e *engine) load(t *testing.T, m sdk.Model, settings string, log hclog.Logger) (sdk.Instance, error) {
	t.Helper()
	base := fmt.Sprintf(`{"llama_server": %q, "cpu_threads": 1, "ctx_len": 512}`, llamaServer(t))
	return e.Load(t.Context(), sdk.LoadRequest{Model: m, Settings: overlay(t, base, settings), RunPath: runPath(t), Log: log}, func(sdk.Progress) {})
}

// TestLoadFails is what a user is told when the real llama-server refuses.
func TestLoadFails(t *testing.T) {
	guide := tinyGuide(t)
	weights, err := os.ReadFile(guide.Files[0])
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, data []byte) sdk.Model {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return sdk.Model{ID: "broken", Dir: filepath.Dir(path), Files: []string{path}}
	}
	word := []byte("\x05\x00\x00\x00\x00\x00\x00\x00llama") // the value of general.architecture
	future := bytes.ReplaceAll(bytes.Replace(weights, word, bytes.ReplaceAll(word, []byte("l"), []byte("x")), 1), []byte("llama."), []byte("xxama."))
	blind := guide
	blind.MMProj = guide.Files[0]
	tests := map[string]struct {
		model    sdk.Model
		settings string
		code     sdk.Code
		says     string // a regular expression
	}{
		"no weights":       {sdk.Model{ID: "none"}, `{}`, sdk.CodeUnsupported, "no weights"},
		"other format":     {file("model.safetensors", weights), `{}`, sdk.CodeUnsupported, "model.safetensors"},
		"not GGUF":         {file("text.gguf", []byte("hello, world, this is no model")), `{}`, sdk.CodeInvalid, "text.gguf"},
		"empty":            {file("empty.gguf", nil), `{}`, sdk.CodeInvalid, "empty.gguf"},
		"truncated data":   {file("cut.gguf", weights[:len(weights)*3/4]), `{}`, sdk.CodeInvalid, "incomplete"},
		"truncated head":   {file("head.gguf", weights[:600]), `{}`, sdk.CodeInvalid, "head.gguf"},
		"architecture":     {file("new.gguf", future), `{}`, sdk.CodeUnsupported, "xxama"},
		"no projector":     {blind, `{}`, sdk.CodeInvalid, "CLIP"},
		"template":         {guide, `{"chat_template": "{{ x"}`, sdk.CodeInvalid, "Expected }}|chat template is not supported"}, // on a busy machine its log is cut off,
		"unknown argument": {guide, `{"extra_args": ["--frob"]}`, sdk.CodeInvalid, "--frob"},
		"wrong argument":   {guide, `{"extra_args": ["--top-k", "many"]}`, sdk.CodeInvalid, "--top-k"},
		"denied argument":  {guide, `{"extra_args": ["--host=0.0.0.0"]}`, sdk.CodeInvalid, "it would listen elsewhere"},
		"cache type":       {guide, `{"cache_type_v": "q4_0", "flash_attn": false}`, sdk.CodeInvalid, "flash_attn"},
		"no program":       {guide, `{"llama_server": "/nowhere/llama-server"}`, sdk.CodeInvalid, "/nowhere/llama-server"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inst, err := newEngine(t).try(t, test.model, test.settings)
			if inst != nil {
				_ = inst.Close(context.Background())
			}
			var refused *sdk.Error
			if !errors.As(err, &refused) || refused.Code != test.code {
				t.Fatalf("got %s, %v; want %s", sdk.CodeOf(err), err, test.code)
			}
			if !regexp.MustCompile(test.says).MatchString(refused.Message) || strings.Contains(refused.Message, "\n") {
				t.Errorf("the user is told %q; want a sentence with %q", refused.Message, test.says)
			}
		})
	}
}

// TestOutOfMemory loads with more context than the server may have memory for.
func TestOutOfMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has ulimit -v")
	}
	poor := filepath.Join(t.TempDir(), "poor-server")
	if err := os.WriteFile(poor, fmt.Appendf(nil, "#!/bin/sh\nulimit -v 1500000\nexec %s \"$@\"\n", llamaServer(t)), 0o700); err != nil {
		t.Fatal(err)
	}
	inst, err := newEngine(t).try(t, tinyGuide(t), fmt.Sprintf(`{"llama_server": %q, "ctx_len": 16777216, "n_parallel": 256}`, poor))
	if inst != nil {
		_ = inst.Close(context.Background())
	}
	if sdk.CodeOf(err) != sdk.CodeExhausted || !strings.Contains(err.Error(), "memory") {
		t.Errorf("got %s, %v; want %s", sdk.CodeOf(err), err, sdk.CodeExhausted)
	}
}

// TestKilled: a server that dies is noticed, and leaves nothing.
func TestKilled(t *testing.T) {
	inst, err := newEngine(t).try(t, tinyGuide(t), `{}`)
	if err != nil {
		t.Fatal(err)
	}
	server, err := os.FindProcess(inst.(*instance).Pid())
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := inst.Wait(); sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Errorf("got %s, %v; want %s", sdk.CodeOf(err), err, sdk.CodeUnavailable)
	}
	if err := inst.Close(t.Context()); err != nil {
		t.Errorf("Close of what has ended: %v", err)
	}
}

// TestInspect tells what a load would take, and why it would fail.
func TestInspect(t *testing.T) {
	e, guide := newEngine(t), tinyGuide(t)
	tests := map[string]struct {
		model    sdk.Model
		settings string
		reason   string
		context  int
	}{
		"fits":       {guide, `{"ctx_len": 512}`, "", 512},
		"default":    {guide, `{}`, "", 2048},
		"too long":   {guide, `{"ctx_len": 8000}`, "", 2048},
		"no program": {guide, `{"llama_server": "/nowhere/llama-server"}`, "/nowhere/llama-server", 2048},
		"no weights": {sdk.Model{ID: "none"}, `{}`, "no weights", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			settings := overlay(t, fmt.Sprintf(`{"llama_server": %q}`, llamaServer(t)), test.settings)
			got, err := e.Inspect(t.Context(), sdk.LoadRequest{Model: test.model, Settings: json.RawMessage(settings)})
			if err != nil {
				t.Fatal(err)
			}
			if got.ContextLength != test.context || (got.ContextLength > 0 && got.Memory == 0) {
				t.Errorf("context %d, memory %d; want context %d", got.ContextLength, got.Memory, test.context)
			}
			if reasons := strings.Join(got.Reasons, "; "); !strings.Contains(reasons, test.reason) || (test.reason == "") != (reasons == "") {
				t.Errorf("reasons are %q, want %q", reasons, test.reason)
			}
		})
	}
}

// TestLoadBlob: a file in another tool's store has a hash for a name.
func TestLoadBlob(t *testing.T) {
	guide := tinyGuide(t)
	blob := filepath.Join(t.TempDir(), "sha256-"+strings.Repeat("0123456789abcdef", 4))
	if err := os.Symlink(guide.Files[0], blob); err != nil {
		t.Skip(err)
	}
	guide.Files = []string{blob}
	instance, err := newEngine(t).try(t, guide, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := instance.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
