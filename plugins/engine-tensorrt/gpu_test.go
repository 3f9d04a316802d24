package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

// TestGPU runs the real trtllm-serve with the checkpoint that ENGINEBAY_TEST_CHECKPOINT
// names. It is for "make test-gpu" alone, and says plainly what was not there.
func TestGPU(t *testing.T) {
	if os.Getenv("ENGINEBAY_TEST_GPU") == "" {
		t.Skip(`for "make test-gpu"`)
	}
	all, err := gpus(t.Context())
	if err != nil {
		t.Skipf("NOT RUN: %v", err)
	}
	program, err := find(os.Getenv("ENGINEBAY_TEST_TRTLLM_SERVE"))
	if err != nil {
		t.Skipf("NOT RUN: there is a GPU (%s), and %v, or as ENGINEBAY_TEST_TRTLLM_SERVE", all[0].name, err)
	}
	dir := os.Getenv("ENGINEBAY_TEST_CHECKPOINT")
	if dir == "" {
		t.Skipf("NOT RUN: there is a GPU (%s) and %s; name the folder of a small checkpoint of Hugging Face as ENGINEBAY_TEST_CHECKPOINT", all[0].name, program)
	}
	files, _ := filepath.Glob(filepath.Join(escaped(dir), "*.safetensors")) // the pattern is right
	e := newEngine()
	settings, err := json.Marshal(map[string]any{"trtllm_serve": program, "max_seq_len": 2048, "max_batch_size": 4, "kv_cache_fraction": 0.3})
	if err != nil {
		t.Fatal(err)
	}
	req := sdk.LoadRequest{Model: sdk.Model{ID: "gpu", Dir: dir, Files: files}, Settings: settings, RunPath: filepath.Join(t.TempDir(), "load"), Log: hclog.New(&hclog.LoggerOptions{Output: os.Stderr, Level: hclog.Debug})}
	inspection, err := e.Inspect(t.Context(), req)
	if err != nil || len(inspection.Reasons) > 0 {
		t.Fatalf("Inspect: %+v, %v", inspection, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	began := time.Now()
	inst, err := e.Load(ctx, req, func(p sdk.Progress) { t.Logf("%3.0f %% %s", 100*p.Fraction, p.Note) })
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s loaded in %v on %s; estimated %d bytes, took %d; operations %v", dir, time.Since(began).Round(time.Second), all[0].name, inspection.Memory, inst.Endpoint().Memory, inst.Endpoint().Operations)
	for _, stream := range []bool{false, true} {
		body := fmt.Sprintf(`{"model": "gpu", "stream": %t, "max_tokens": 16, "messages": [{"role": "user", "content": "Say hello."}]}`, stream)
		resp, err := http.Post(inst.Endpoint().URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(text), `"model":"gpu"`) {
			t.Errorf("stream %t: status %d, %v: %s", stream, resp.StatusCode, err, text)
		}
	}
	if err := inst.Close(context.Background()); err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
	if out, err := exec.Command("nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader").CombinedOutput(); err == nil {
		t.Logf("programs on the GPU after the end: %q", strings.TrimSpace(string(out)))
	}
}
