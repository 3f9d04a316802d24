package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

func TestSettings(t *testing.T) {
	for name, test := range map[string]struct {
		environment, settings string
		want                  string // endpoint; empty: refused
	}{
		"default":                {"", `{}`, "https://huggingface.co"},
		"of the environment":     {"https://hf-mirror.example.com/", `{}`, "https://hf-mirror.example.com"},
		"setting goes before":    {"https://hf-mirror.example.com", `{"endpoint": "http://10.0.0.5:8080/hub/"}`, "http://10.0.0.5:8080/hub"},
		"no settings":            {"", ``, "https://huggingface.co"},
		"no address":             {"huggingface.co", `{}`, ""},
		"other scheme":           {"", `{"endpoint": "ftp://example.com"}`, ""},
		"with a password":        {"", `{"endpoint": "https://a:b@example.com"}`, ""},
		"with a query":           {"", `{"endpoint": "https://example.com?a=b"}`, ""},
		"private is no list":     {"", `{"private": "10.0.0.0/8"}`, ""},
		"private is no network":  {"", `{"private": ["10.0.0.0/99"]}`, ""},
		"private is one of them": {"", `{"private": ["10.0.0.0/8", "files.example.com"]}`, "https://huggingface.co"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HF_ENDPOINT", test.environment)
			i := &importer{}
			err := i.Configure(t.Context(), sdk.Configuration{Settings: json.RawMessage(test.settings), Secrets: map[string]string{"token": " hf_a\n"}})
			if test.want == "" {
				refused(t, err, sdk.CodeInvalid)
				return
			}
			if err != nil || i.client.Load().Base != test.want {
				t.Errorf("got %v, %v; want %s", i.client.Load(), err, test.want)
			}
		})
	}
}

func TestOffline(t *testing.T) {
	h := startHub(t, repos{"acme/open-GGUF/m.Q4_K_M.gguf": model("llama")})
	t.Setenv("HF_HUB_OFFLINE", "1")
	_, err := h.importer(t, "").Resolve(t.Context(), "hf://acme/open-GGUF")
	refused(t, err, sdk.CodeUnavailable, "HF_HUB_OFFLINE")
	_, err = h.importer(t, "").Search(t.Context(), "open", 1)
	refused(t, err, sdk.CodeUnavailable, "HF_HUB_OFFLINE")
}

// TestManifestSaysWhatIsRead: the variables that the plugin reads are among those
// that the core lets through, and each setting of the schema is one of the struct.
func TestManifestSaysWhatIsRead(t *testing.T) {
	text, err := os.ReadFile("plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"HF_ENDPOINT", "HF_HUB_OFFLINE"} {
		if !strings.Contains(string(text), `"`+name+`"`) {
			t.Errorf("plugin.json does not name %s", name)
		}
	}
	var schema struct {
		Properties map[string]struct {
			Scope string `json:"x-scope"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(settingsSchema, &schema); err != nil {
		t.Fatal(err)
	}
	known, err := json.Marshal(settings{})
	if err != nil {
		t.Fatal(err)
	}
	for name, property := range schema.Properties {
		if !strings.Contains(string(known), `"`+name+`"`) || property.Scope != "deployment" {
			t.Errorf("setting %s is not read, or can be set by a model", name)
		}
	}
}
