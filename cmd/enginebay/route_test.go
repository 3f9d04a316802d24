package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRoutedModels: two deployments of llama.cpp with different settings, one model
// on each at once; a model file that both of them load, and a routed model that falls
// back to it from an engine that is down.
func TestRoutedModels(t *testing.T) {
	home := newHome(t)
	for file, content := range map[string]string{
		"engines/small.json":         `{"engine": "llamacpp", "settings": {"ctx_len": 512, "n_parallel": 1}}`,
		"engines/large.json":         `{"engine": "llamacpp", "settings": {"ctx_len": 2048, "n_parallel": 2}}`,
		"engines/down.json":          `{"engine": "echo", "settings": {}}`,
		"models/on-small/model.json": `{"engine": "small"` + weightsOf(),
		"models/on-large/model.json": `{"engine": "large"` + weightsOf(),
		"models/far/model.json":      `{"engine": "down", "format": "api", "settings": {"status": 503}}`,
		"models/both/model.json":     `{"routing": "spread", "targets": [{"engine": "small"}, {"engine": "large", "settings": {"ctx_len": 1024}, "weight": 3}]` + weightsOf(),
		"models/chat/model.json":     `{"timeout": "1m", "targets": [{"model": "far"}, {"model": "both"}, {"model": "on-small"}]}`,
	} {
		writeFile(t, filepath.Join(home, file), content)
	}
	b := startServer(t, home)
	for id, ctxLen := range map[string]int{"on-small": 512, "on-large": 2048, "both@small": 512, "both@large": 1024} {
		if status, body := b.do("POST", "/v1/chat/completions", askModel(id, "")); status != 200 || !strings.Contains(body, `"content":"`) {
			t.Fatalf("%s: %d %s", id, status, body)
		}
		_, body := b.do("GET", "/v1/models/"+id, "")
		var m model
		if err := json.Unmarshal([]byte(body), &m); err != nil || m.Running == nil || m.Running.Settings["ctx_len"] != float64(ctxLen) {
			t.Errorf("%s is to run with %d tokens: %s", id, ctxLen, body)
		}
	}
	for _, more := range []string{``, `, "stream": true`} {
		resp := b.open("POST", "/v1/chat/completions", askModel("chat", more))
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		target := resp.Header.Get("X-Enginebay-Model")
		if resp.StatusCode != 200 || !strings.HasPrefix(target, "both@") || !strings.Contains(string(body), `"content":"`) || !strings.Contains(string(body), `"model":"both"`) {
			t.Errorf("%d of %s: %s", resp.StatusCode, target, body)
		}
	}
	for _, test := range []struct {
		command string
		lines   []string // as patterns
	}{
		{"list", []string{`both +running +spread over 2`, `chat +running +first of 3`}},
		{"ps", []string{`chat +first of 3`, `  both@large +large +running +0 +\d.* MB +ok`, `  far +- +running +0 +- +cooling down, \d+s`}},
		{"show chat", []string{`TARGET +STATE +REQUESTS +WEIGHT +HEALTH`, `far +running +0 +1 +cooling down`, `far failed the last time: no, as asked`}},
		{"stop both", []string{`both is ready`}},
		{"start both", []string{`both is running`}},
	} {
		t.Run(test.command, func(t *testing.T) {
			words := append(strings.Fields(test.command), "--home", home, "--addr", b.addr())
			out, err := exec.Command(filepath.Join(build, "enginebay"), words...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			t.Logf("enginebay %s\n%s", test.command, out)
			for _, line := range test.lines {
				if !regexp.MustCompile(`(?m)^` + line).Match(out) {
					t.Errorf("there is no line %q", line)
				}
			}
		})
	}
}

// weightsOf is the end of a model file that names the weights of tiny-guide.
func weightsOf() string {
	return fmt.Sprintf(`, "sources": [{"url": %q}]}`, mustAbs(filepath.Join(root, "examples/models/tiny-guide/tiny-guide.gguf")))
}

// askModel is a short question to a model.
func askModel(model, more string) string {
	return fmt.Sprintf(`{"model": %q, "max_tokens": 8, "messages": [{"role": "user", "content": "What is a bay?"}]%s}`, model, more)
}
