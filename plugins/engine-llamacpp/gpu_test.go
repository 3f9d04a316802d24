package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/plugins/engine-llamacpp/llamaserver"
	"github.com/enginebay/enginebay/sdk"
)

// gpus are those that this llama-server sees; the test is skipped, saying what is
// missing, where there is none. It is for "make test-gpu".
func gpus(t *testing.T) []llamaserver.Device {
	t.Helper()
	if os.Getenv("ENGINEBAY_TEST_GPU") == "" {
		t.Skip(`for a machine with a GPU: "make test-gpu"`)
	}
	p := llamaserver.Program{Path: llamaServer(t), Env: environment(t.TempDir())}
	h, err := p.Hardware(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, chosen := os.LookupEnv("GGML_VK_VISIBLE_DEVICES"); len(h.Devices) == 0 && h.Has("Vulkan") && !chosen {
		t.Setenv("GGML_VK_VISIBLE_DEVICES", "0,0") // Mesa's lavapipe, which is left out otherwise; twice, to have two
		p.Env = environment(t.TempDir())
		if h, err = p.Hardware(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.Devices) == 0 {
		t.Skipf("not run: llama-server (%s) sees no GPU; it has the backends %s. A GPU needs a build with its backend: "+
			"\"make llamacpp VULKAN=1\", or LLAMA_SERVER=/path make llamacpp", p.Path, strings.Join(h.Backends, ", "))
	}
	for _, d := range h.Devices {
		software := ""
		if d.Software() {
			software = ", a SOFTWARE device: the processor itself"
		}
		t.Logf("%s: %s, %s free%s", d.Name, d.Description, amount(d.Free), software)
	}
	return h.Devices
}

// TestGPUAnswers: the layers are on the GPU, and what they compute is what the CPU does.
func TestGPUAnswers(t *testing.T) {
	devices := gpus(t)
	answers := map[string]string{}
	for _, settings := range []string{`{"devices": ["none"]}`, `{"ngl": "all"}`, `{"ngl": "auto"}`, fmt.Sprintf(`{"ngl": 3, "devices": [%q]}`, devices[0].Name)} {
		in := loaded(t, tinyGuide(t), settings)
		if onGPU := in.memory.onGPU(); onGPU == strings.Contains(settings, "none") {
			t.Errorf("%s: it took %s", settings, in.memory)
		}
		answers[settings] = complete(t, in, "<|im_start|>user\nWhat is Engine Bay?<|im_end|>\n<|im_start|>assistant\n", 200).Content
	}
	for settings, answer := range answers {
		if want := answers[`{"devices": ["none"]}`]; answer != want || answer == "" {
			t.Errorf("%s says %q, the CPU %q", settings, answer, want)
		}
	}
}

// TestGPUMemory compares estimates with what is taken, part on a GPU and all.
func TestGPUMemory(t *testing.T) {
	device := gpus(t)[0].Name
	for name, test := range map[string]struct{ shape, settings string }{
		"all":             {"qwen", `{"ctx_len": 8192, "ngl": "all"}`},
		"half":            {"qwen", `{"ctx_len": 8192, "ngl": 5}`},
		"a short context": {"wide", `{"ctx_len": 2048, "ngl": "all"}`},
		"experts":         {"experts", `{"ctx_len": 8192, "ngl": "all"}`},
		"a window":        {"window", `{"ctx_len": 8192, "ngl": "all", "n_parallel": 1}`},
	} {
		t.Run(name, func(t *testing.T) {
			compare(t, shapes[test.shape].write(t, test.shape), strings.Replace(test.settings, "{", fmt.Sprintf(`{"devices": [%q], `, device), 1), device)
		})
	}
}

// TestGPUSplit shares a model between two.
func TestGPUSplit(t *testing.T) {
	devices := gpus(t)
	if len(devices) < 2 {
		t.Skipf("not run: there is one GPU, %s", devices[0].Name)
	}
	in := loaded(t, shapes["qwen"].write(t, "qwen"), `{"ngl": "all", "split_mode": "layer", "tensor_split": [3, 1]}`)
	first, second := in.memory[devices[0].Name], in.memory[devices[1].Name]
	if second == 0 || first < second {
		t.Errorf("shares of 3 to 1 are %s", in.memory)
	}
	t.Log(in.memory)
}

// TestGPUSpeed tells figures; it fails only where nothing is computed.
func TestGPUSpeed(t *testing.T) {
	devices := gpus(t)
	name, large := "random-1.1B", shape{layers: 24, embd: 2048, ff: 5632, heads: 16, kv: 4, vocab: 32000, context: 4096, kind: q8Type}
	if devices[0].Software() {
		name, large = "random-25M", shape{layers: 8, embd: 512, ff: 1408, heads: 8, kv: 4, vocab: 4000, context: 4096, kind: q8Type}
	}
	runs := []string{`{"devices": ["none"]}`, `{"ngl": 4}`, `{"ngl": "all"}`}
	if len(devices) > 1 {
		runs = []string{runs[0], fmt.Sprintf(`{"ngl": 4, "devices": [%q]}`, devices[0].Name), fmt.Sprintf(`{"ngl": "all", "devices": [%q]}`, devices[0].Name), `{"ngl": "all", "tensor_split": [1, 1]}`}
	}
	for _, model := range []sdk.Model{tinyGuide(t), large.write(t, name)} {
		for _, settings := range runs {
			in := loaded(t, model, settings)
			complete(t, in, "warm up", 4)
			a := complete(t, in, strings.Repeat("What is Engine Bay? ", 5), 32)
			if a.Timings.Predicted <= 0 {
				t.Errorf("%s %s: %+v", model.ID, settings, a)
			}
			t.Logf("%-11s %-44s prompt %7.1f, answer %7.1f tokens/s; %s", model.ID, settings, a.Timings.Prompt, a.Timings.Predicted, in.memory)
			in.Close(t.Context())
		}
	}
}

// loaded is a model until the end of the test.
func loaded(t *testing.T, m sdk.Model, settings string) *instance {
	t.Helper()
	in, err := newEngine(t).try(t, m, settings)
	if err != nil {
		t.Fatalf("%s: %v", settings, err)
	}
	t.Cleanup(func() { in.Close(t.Context()) })
	return in.(*instance)
}

type said struct {
	Content string
	Timings struct {
		Prompt    float64 `json:"prompt_per_second"`
		Predicted float64 `json:"predicted_per_second"`
	}
}

// complete asks for so many tokens, at temperature 0.
func complete(t *testing.T, in *instance, prompt string, tokens int) (answer said) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"prompt": prompt, "n_predict": tokens, "temperature": 0, "ignore_eos": tokens <= 32, "cache_prompt": false})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/completion", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := in.whole.transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", resp.Status, err)
	}
	return answer
}
