package core_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core"
)

// TestOlderFiles: files of deployments as earlier projects wrote them.
func TestOlderFiles(t *testing.T) {
	t.Setenv("ENGINEBAY_TEST_KEY", "a-secret")
	h := open(t, core.Limits{}, map[string]string{"m": ""})
	h.write("engines/nitro.json", `{"ctx_len": 2048, "ngl": 100}`)
	h.write("engines/groq.json", `{"full_url": "https://api.groq.com/openai/v1/chat/completions", "api_key": "env:ENGINEBAY_TEST_KEY"}`)
	h.write("engines/openai.json", `{"full_url": "https://api.openai.com/v1/chat/completions", "api_key": "sk-written-down"}`)
	h.write("engines/two.json", `{"full_url": "https://a.example", "api_key": "env:ENGINEBAY_TEST_KEY", "other_token": "env:ENGINEBAY_TEST_KEY"}`)
	h.write("engines/absent.json", `{"full_url": "https://a.example", "a_token": "env:ENGINEBAY_TEST_NONE", "other_token": "env:ENGINEBAY_TEST_KEY", "z_token": "env:ENGINEBAY_TEST_KEY"}`)
	h.write("engines/empty.json", `{"engine": "triton_trtllm"}`)
	for id, want := range map[string]string{"nitro": "llamacpp", "groq": "api", "empty": "tensorrt", "echo": "echo"} {
		d, err := h.Deployment(id)
		if err != nil || d.Plugin != want || d.ID != id {
			t.Errorf("%s: plugin %q, %v; want %s", id, d.Plugin, err, want)
		}
	}
	groq, _ := h.Deployment("groq")
	if groq.Secrets["api_key"] != "a-secret" || groq.Settings["api_key"] != nil || groq.Settings["full_url"] == nil {
		t.Errorf("the flat file of groq became %v with %d secrets", groq.Settings, len(groq.Secrets))
	}
	if two, err := h.Deployment("two"); err != nil || two.Secrets["api_key"] != "a-secret" || two.Secrets["other_token"] != "a-secret" {
		t.Errorf("of two secrets there are %d, %v", len(two.Secrets), err)
	}
	if _, err := h.Deployment("absent"); err == nil || !strings.Contains(err.Error(), "ENGINEBAY_TEST_NONE") {
		t.Errorf("of three secrets the first is not there: %v", err)
	}
	if _, err := h.Deployment("openai"); err == nil || !strings.Contains(err.Error(), "written down") || strings.Contains(err.Error(), "sk-") {
		t.Errorf("a key that is written down: %v", err)
	}
}

// TestNameOfAnImporter: engines/openai.json is of the engine api, also where an importer
// has that name.
func TestNameOfAnImporter(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": ""})
	h.write("plugins/openai/plugin.json", `{"name": "test/openai", "version": "1.0.0", "kinds": ["importer"], "protocol": [1], "entry": "openai", "schemes": ["openai"]}`)
	h.write("plugins/openai/openai", "")
	if err := os.Chmod(h.home+"/plugins/openai/openai", 0o700); err != nil {
		t.Fatal(err)
	}
	if d, err := h.Deployment("openai"); err == nil || !strings.Contains(err.Error(), `there is no engine "openai"; installed are echo`) {
		t.Errorf("without a file: %q, %v", d.Plugin, err)
	}
	h.write("engines/openai.json", `{"settings": {"provider": "openai"}}`)
	if d, err := h.Deployment("openai"); err != nil || d.Plugin != "api" {
		t.Errorf("with a file: %q, %v", d.Plugin, err)
	}
}

// TestProviderOfTheModel: a model whose engine was a provider once is loaded by the
// deployment of that name, where there is one.
func TestProviderOfTheModel(t *testing.T) {
	h := open(t, core.Limits{}, nil)
	h.write("models/remote/model.json", `{"engine": "groq"}`)
	h.write("models/old/model.json", `{"engine": "triton_trtllm", "format": "api"}`)
	if err := h.once("remote", core.Ask{}); err == nil || !strings.Contains(err.Error(), `"api"`) {
		t.Errorf("without a deployment: %v", err)
	}
	h.write("engines/groq.json", `{"engine": "echo"}`)
	h.write("engines/triton_trtllm.json", `{"engine": "echo"}`)
	for model, deployment := range map[string]string{"remote": "groq", "old": "triton_trtllm"} {
		h.use(model)
		if m, err := h.Model(model); err != nil || m.Deployment != deployment {
			t.Errorf("%s is loaded by %q, %v", model, m.Deployment, err)
		}
	}
}

// TestSecretsThatAreNotThere: why, and neither a secret nor where it is kept.
func TestSecretsThatAreNotThere(t *testing.T) {
	h := open(t, core.Limits{}, nil)
	h.write("folder/key", "a-secret")
	for ref, want := range map[string]string{
		"env:ENGINEBAY_TEST_NONE":  "the environment variable ENGINEBAY_TEST_NONE is not set",
		"file:" + h.home + "/none": "its file is not there",
		"file:none":                "its file is not there; name it by its whole path",
		"file:" + h.home:           "its file is no regular file",
	} {
		h.write("engines/one.json", fmt.Sprintf(`{"engine": "echo", "secrets": {"api_key": %q}}`, ref))
		if _, err := h.Deployment("one"); err == nil || !strings.HasSuffix(err.Error(), `secret "api_key": `+want) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	h.write("engines/one.json", `{"engine": "echo", "secrets": {"api_key": "sk-written-down"}}`)
	effective, err := h.EffectiveEngine(t.Context(), "one")
	if told := fmt.Sprint(effective.Secrets["api_key"], effective.Err, err); !strings.Contains(told, "no reference") || strings.Contains(told, "sk-") {
		t.Errorf("of a key that is written down: %s", told)
	}
}

// TestSecretsThatAPluginAsksFor are found in the server's environment; a file's own
// go first.
func TestSecretsThatAPluginAsksFor(t *testing.T) {
	t.Setenv("ENGINEBAY_TEST_KEY", "asked for")
	t.Setenv("ENGINEBAY_TEST_OTHER", "the file's")
	h := open(t, core.Limits{}, nil)
	manifest, err := os.ReadFile("../examples/engine-echo/plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	h.write("plugins/asking/bin/engine-echo", "")
	if err := os.Chmod(h.home+"/plugins/asking/bin/engine-echo", 0o700); err != nil {
		t.Fatal(err)
	}
	h.write("plugins/asking/plugin.json", strings.Replace(string(manifest), `"enginebay/echo",`, `"test/asking", "secrets": {"api_key": {"from": ["env:ENGINEBAY_TEST_NONE", "env:ENGINEBAY_TEST_KEY"]}},`, 1))
	h.write("engines/other.json", `{"engine": "asking", "secrets": {"api_key": "env:ENGINEBAY_TEST_OTHER"}}`)
	for id, want := range map[string]string{"asking": "asked for", "other": "the file's"} {
		if d, err := h.Deployment(id); err != nil || d.Secrets["api_key"] != want {
			t.Errorf("%s: %q, %v", id, d.Secrets["api_key"], err)
		}
	}
}
