package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// binary is the plugin's program.
var binary string

func TestMain(m *testing.M) { sdktest.Main(m, &binary) }

const key = "sk-test-0123456789"

// provider starts the fake provider with an account of a few models.
func provider(t *testing.T, args ...string) string {
	t.Helper()
	for _, name := range []string{"gpt-3.5-turbo-instruct", "gpt-4o", "gpt-4o-mini", "text-embedding-3-small", "dall-e-3", "babel-7",
		"ft:gpt-4o-mini-2024-07-18:acme::Ab12=acme", "meta-llama/llama-3-8b:free=meta", "meta-llama-llama-3-8b-free=meta"} {
		args = append(args, "-model", name)
	}
	return sdktest.Program(t, "../../cmd/provider", 1, append(args, "-key", key)...)[0]
}

func TestConformance(t *testing.T) {
	for _, name := range []string{"OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"} {
		t.Setenv(name, "")
	}
	c := sdktest.ImporterCase{
		Settings: json.RawMessage(fmt.Sprintf(`{"base_url": "%s/v1"}`, provider(t))),
		Secrets:  map[string]string{"api_key": key},
		Ref:      "openai://",
		Missing:  "openai://gpt-4p",
		Bad:      "openai://a model",
		Words:    "embedding SMALL",
	}
	t.Run("in process", func(t *testing.T) { sdktest.Importer(t, sdktest.Subject{Plugin: plugin}, c) })
	t.Run("program", func(t *testing.T) { sdktest.Importer(t, sdktest.Subject{Path: binary}, c) })
}

// configured is an importer of its own.
func configured(t *testing.T, base, apiKey string) *importer {
	t.Helper()
	i := &importer{}
	err := i.Configure(t.Context(), sdk.Configuration{
		Settings: json.RawMessage(fmt.Sprintf(`{"base_url": %q}`, base)), Secrets: map[string]string{"api_key": apiKey}})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func resolve(t *testing.T, i *importer, ref sdk.Ref) []sdk.Manifest {
	t.Helper()
	plans, err := i.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	var manifests []sdk.Manifest
	for _, p := range plans {
		manifests = append(manifests, p.Manifest)
	}
	return manifests
}

// TestAccount: chat models first, then what is unknown, the newest first.
func TestAccount(t *testing.T) {
	base := provider(t) + "/v1"
	var got []string
	for _, m := range resolve(t, configured(t, base+"/", key), "openai://") {
		kind, _ := m.Metadata["type"].(string)
		got = append(got, m.ID+" "+kind)
		want := map[string]any{"provider": "openai", "base_url": base, "model": m.Name}
		if kind == "embedding" {
			want["embedding"] = true
		}
		if m.Format != "api" || m.Engine != "api" || !maps.Equal(m.Settings, want) || m.Created < 1700000000 || m.OwnedBy == "" {
			t.Errorf("%+v", m)
		}
	}
	want := []string{"openai/ft-gpt-4o-mini-2024-07-18-acme-Ab12 chat", "openai/gpt-4o-mini chat", "openai/gpt-4o chat",
		"openai/meta-llama-llama-3-8b-free-b57c4f59 ", "openai/meta-llama-llama-3-8b-free-30a24e6e ", "openai/babel-7 ",
		"openai/dall-e-3 image", "openai/text-embedding-3-small embedding", "openai/gpt-3.5-turbo-instruct completion"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestRefs(t *testing.T) {
	base := provider(t)
	i := configured(t, base+"/v1", key)
	host := strings.TrimPrefix(base, "http://")
	for ref, want := range map[string]string{
		"openai://gpt-4o": "gpt-4o", "openai://gpt-4o/": "gpt-4o", base + "/v1/models/gpt-4o": "gpt-4o",
		"openai://meta-llama/llama-3-8b:free": "meta-llama/llama-3-8b:free", base + "/v1/models/meta-llama%2Fllama-3-8b:free": "meta-llama/llama-3-8b:free",
		"openai://ft:gpt-4o-mini-2024-07-18:acme::Ab12": "ft:gpt-4o-mini-2024-07-18:acme::Ab12",
		base: "", base + "/v1": "", base + "/v1/": "", base + "/v1/models": "", base + "/v1/models/": "",
	} {
		t.Run(ref, func(t *testing.T) {
			got := resolve(t, i, sdk.Ref(ref))
			if want == "" && len(got) != 9 || want != "" && (len(got) != 1 || got[0].Name != want) {
				t.Errorf("got %+v", got)
			}
		})
	}
	for ref, code := range map[string]sdk.Code{
		"openai://gpt-4": sdk.CodeNotFound, "openai://GPT-4o": sdk.CodeNotFound, base + "/v1/models/x": sdk.CodeNotFound,
		"openai://a b": sdk.CodeInvalid, "openai://../x": sdk.CodeInvalid, "openai://x?y": sdk.CodeInvalid, "openai://\x00": sdk.CodeInvalid,
		"https://api.openai.com/v1/models/gpt-4o": sdk.CodeInvalid, host + "/v1": sdk.CodeInvalid, base + "/v1/chat/completions": sdk.CodeInvalid,
		"http://u:pw@" + host + "/v1/models/x": sdk.CodeInvalid, "": sdk.CodeInvalid, "%zz": sdk.CodeInvalid,
	} {
		t.Run("refused "+ref, func(t *testing.T) {
			if _, err := i.Resolve(t.Context(), sdk.Ref(ref)); sdk.CodeOf(err) != code || strings.Contains(err.Error(), "pw@") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestSeeds: the forms in which the documents write the source of these models.
func TestSeeds(t *testing.T) {
	t.Setenv("OPENAI_BASE_URL", "")
	s, err := read(sdk.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{"api.openai.com": "", "https://api.openai.com": "", "openai://": "", "https://api.openai.com/v1": "",
		"api.openai.com/v1/models/gpt-4o": "gpt-4o", "https://api.openai.com/v1/models/gpt-4o": "gpt-4o"} {
		if got, err := s.parse(sdk.Ref(ref)); got != want || err != nil {
			t.Errorf("%s: %q, %v", ref, got, err)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Setenv("OPENAI_BASE_URL", "https://api.mistral.ai/v1/")
	for text, want := range map[string]string{
		`{}`: "mistral https://api.mistral.ai/v1", `{"base_url": "https://api.groq.com/openai/v1"}`: "groq https://api.groq.com/openai/v1",
		`{"base_url": "http://localhost:8000/v1"}`: "localhost http://localhost:8000/v1", `{"base_url": "http://10.0.0.1/v1"}`: "openai http://10.0.0.1/v1",
		`{"base_url": "https://openrouter.ai/api/v1", "provider": "or"}`: "or https://openrouter.ai/api/v1",
	} {
		s, err := read(sdk.Configuration{Settings: []byte(text)})
		if got := s.Provider + " " + s.BaseURL; got != want || err != nil {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{`{"base_url": "api.openai.com"}`, `{"base_url": "ftp://x"}`, `{"base_url": "https://me:s3cret@x"}`, `{"base_url": "https://x?key=s3cret"}`, `[]`} {
		if _, err := read(sdk.Configuration{Settings: []byte(text)}); sdk.CodeOf(err) != sdk.CodeInvalid || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestRefusals: each says what to do next, and nothing of the key.
func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		base, key string
		code      sdk.Code
		words     string
	}{
		"no key":       {provider(t) + "/v1", "", sdk.CodeUnauthorized, "OPENAI_API_KEY"},
		"wrong key":    {provider(t) + "/v1", "sk-wrong-key-s3cret", sdk.CodeUnauthorized, "importers/openai.json"},
		"wrong base":   {provider(t) + "/v2", key, sdk.CodeInvalid, "base_url"},
		"no models":    {sdktest.Program(t, "../../cmd/provider", 1)[0] + "/v1", key, sdk.CodeNotFound, "no models"},
		"out of order": {provider(t, "-fault", "/v1 501") + "/v1", key, sdk.CodeUnavailable, "501"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := configured(t, test.base, test.key).Resolve(t.Context(), "openai://")
			if sdk.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), "sk-") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestBusy: a provider that is busy for a moment is asked again.
func TestBusy(t *testing.T) {
	if got := resolve(t, configured(t, provider(t, "-fault", "/v1/models 503 1")+"/v1", key), "openai://gpt-4o"); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestAccountHeaders: an account with several organizations says which one asks.
func TestAccountHeaders(t *testing.T) {
	var organization, project string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		organization, project = r.Header.Get("OpenAI-Organization"), r.Header.Get("OpenAI-Project")
		fmt.Fprint(w, `{"data": [{"id": "gpt-4o"}, {"id": "../evil"}, {"id": "gpt-4o"}, {"id": ""}, {"id": "a\nb"}]}`)
	}))
	defer s.Close()
	i := &importer{}
	if err := i.Configure(t.Context(), sdk.Configuration{Settings: json.RawMessage(fmt.Sprintf(`{"base_url": %q, "organization": "org-1", "project": "p-2"}`, s.URL))}); err != nil {
		t.Fatal(err)
	}
	if got := resolve(t, i, "openai://"); len(got) != 1 || got[0].ID != "openai/gpt-4o" || got[0].OwnedBy != "openai" {
		t.Errorf("of a list with twins and impossible names: %+v", got)
	}
	if organization != "org-1" || project != "p-2" {
		t.Errorf("organization %q, project %q", organization, project)
	}
}

// TestSearchWithoutAnAccount calls nobody.
func TestSearchWithoutAnAccount(t *testing.T) {
	t.Setenv("OPENAI_BASE_URL", "")
	if _, err := configured(t, "", "").Search(t.Context(), "gpt", 5); sdk.CodeOf(err) != sdk.CodeUnsupported {
		t.Errorf("got %v", err)
	}
}
