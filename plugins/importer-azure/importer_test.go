package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// binary is the plugin's program.
var binary string

func TestMain(m *testing.M) { sdktest.Main(m, &binary) }

const key = "0123456789abcdef0123456789abcdef"

// quiet takes away what the official clients would find in the environment.
func quiet(t *testing.T) {
	for _, name := range []string{"AZURE_OPENAI_ENDPOINT", "OPENAI_API_VERSION", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_AUTHORITY_HOST"} {
		t.Setenv(name, "")
	}
}

// resourceAt starts a fake resource of Azure with a few deployments.
func resourceAt(t *testing.T, args ...string) string {
	t.Helper()
	quiet(t)
	for _, name := range []string{"gpt4-turbo=gpt-4-turbo", "vectors=text-embedding-3-small", "draw=dall-e-3", "own=acme-7b"} {
		args = append(args, "-deployment", name)
	}
	return sdktest.Program(t, "../../cmd/provider", 1, append(args, "-key", key)...)[0]
}

func TestConformance(t *testing.T) {
	listed, unlisted := resourceAt(t), resourceAt(t, "-unlisted", "-client", "tenant-1/client-1=s3cret-value")
	for name, c := range map[string]sdktest.ImporterCase{
		"key": {
			Settings: json.RawMessage(fmt.Sprintf(`{"endpoint": %q}`, listed)), Secrets: map[string]string{"api_key": key},
			Ref: "azure://docs-test-001", Missing: "azure://docs-test-001/gpt4-turbp", Bad: "azure://a b", Words: "EMBEDDING small",
		},
		"entra": {
			Settings: json.RawMessage(fmt.Sprintf(`{"endpoint": %q, "authority": "%s/entra", "tenant": "tenant-1", "client_id": "client-1"}`, unlisted, unlisted)),
			Secrets:  map[string]string{"client_secret": "s3cret-value"},
			Ref:      "azure://docs-test-001/gpt4-turbo", Missing: "azure://docs-test-001/gpt4-turbp", Bad: "azure://docs-test-001",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("in process", func(t *testing.T) { sdktest.Importer(t, sdktest.Subject{Plugin: plugin}, c) })
			t.Run("program", func(t *testing.T) { sdktest.Importer(t, sdktest.Subject{Path: binary}, c) })
		})
	}
}

// configured is an importer of its own.
func configured(t *testing.T, settings string, secrets map[string]string) *importer {
	t.Helper()
	i := &importer{}
	if err := i.Configure(t.Context(), sdk.Configuration{Settings: json.RawMessage(settings), Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	return i
}

func withKey(t *testing.T, endpoint string) *importer {
	return configured(t, fmt.Sprintf(`{"endpoint": %q}`, endpoint), map[string]string{"api_key": key})
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

func TestResource(t *testing.T) {
	endpoint := resourceAt(t)
	var got []string
	for _, m := range resolve(t, withKey(t, endpoint), "azure://docs-test-001") {
		kind, _ := m.Metadata["type"].(string)
		got = append(got, fmt.Sprint(m.ID, " ", m.Metadata["model"], " ", kind))
		want := map[string]any{"provider": "azure", "base_url": endpoint + "/openai", "deployment_name": m.Name, "api_version": "2024-10-21", "auth": "key"}
		if kind == "embedding" {
			want["embedding"] = true
		}
		if m.Format != "api" || m.Engine != "api" || m.OwnedBy != "azure_openai" || m.Created < 1700000000 || m.Metadata["resource"] != "docs-test-001" || !maps.Equal(m.Settings, want) {
			t.Errorf("%+v", m)
		}
	}
	want := []string{"azure-docs-test-001/gpt4-turbo gpt-4-turbo chat", "azure-docs-test-001/own acme-7b ",
		"azure-docs-test-001/draw dall-e-3 image", "azure-docs-test-001/vectors text-embedding-3-small embedding"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

// TestForms: what people have in front of them when they look for an address.
func TestForms(t *testing.T) {
	quiet(t)
	for ref, want := range map[string]resource{
		"azure://docs-test-001":              {name: "docs-test-001", endpoint: "https://docs-test-001.openai.azure.com", version: "2024-10-21"},
		"azure://docs-test-001/gpt4-turbo":   {"docs-test-001", "https://docs-test-001.openai.azure.com", "gpt4-turbo", "2024-10-21"},
		"azure://Docs-Test-001/GPT4.turbo_/": {"Docs-Test-001", "https://docs-test-001.openai.azure.com", "GPT4.turbo_", "2024-10-21"},
		"https://docs-test-001.openai.azure.com/openai.azure.com/docs-test-001/gpt4-turbo":                             {"docs-test-001", "https://docs-test-001.openai.azure.com", "gpt4-turbo", "2024-10-21"},
		"https://docs-test-001.openai.azure.com/openai/deployments/gpt4-turbo/chat/completions?api-version=2023-05-15": {"docs-test-001", "https://docs-test-001.openai.azure.com", "gpt4-turbo", "2023-05-15"},
		"https://n.cognitiveservices.azure.com/openai/deployments/vec/embeddings?api-version=2025-04-01-preview":       {"n", "https://n.cognitiveservices.azure.com", "vec", "2025-04-01-preview"},
		"https://n.services.ai.azure.com/openai/deployments/d":                                                         {"n", "https://n.services.ai.azure.com", "d", "2024-10-21"},
		"https://n.services.ai.azure.com/api/projects/mine":                                                            {"n", "https://n.services.ai.azure.com", "", "2024-10-21"},
		"https://n.openai.azure.com/openai/v1/":                                                                        {"n", "https://n.openai.azure.com", "", "v1"},
		"https://n.openai.azure.com/openai/v1/chat/completions?api-version=preview":                                    {"n", "https://n.openai.azure.com", "", "v1"},
		"https://n.openai.azure.com":                                                                                   {name: "n", endpoint: "https://n.openai.azure.com", version: "2024-10-21"}, "https://n.openai.azure.com/": {name: "n", endpoint: "https://n.openai.azure.com", version: "2024-10-21"},
		"https://n.openai.azure.com/openai/deployments": {name: "n", endpoint: "https://n.openai.azure.com", version: "2024-10-21"},
		"http://n.openai.azure.com/gpt4-turbo":          {"n", "https://n.openai.azure.com", "gpt4-turbo", "2024-10-21"},
		"https://n.openai.azure.us/d":                   {"n", "https://n.openai.azure.us", "d", "2024-10-21"},
	} {
		t.Run(ref, func(t *testing.T) {
			s, err := read(sdk.Configuration{})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.parse(sdk.Ref(ref)); got != want || err != nil {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	for _, ref := range []string{"azure://", "azure:///d", "azure://a b", "azure://a/b/c", "azure://a/../b", "azure://a/b?c", "azure://a.b", "azure://-", "",
		"https://example.com/openai/deployments/d", "https://openai.azure.com/d", "https://evil.com/.openai.azure.com", "https://n.openai.azure.com.evil.com/d",
		"https://a.b.openai.azure.com/d", "https://u:s3cret@n.openai.azure.com/d", "https://n.openai.azure.com/a/b", "https://n.openai.azure.com/openai/deployments/..%2f..",
		"https://n.openai.azure.com/openai/deployments/d?api-version=1%26x", "ftp://n.openai.azure.com/d", "%zz"} {
		t.Run("refused "+ref, func(t *testing.T) {
			s, err := read(sdk.Configuration{})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.parse(sdk.Ref(ref)); sdk.CodeOf(err) != sdk.CodeInvalid || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// TestEndpoints: credentials go to the operator's endpoint where there is one.
func TestEndpoints(t *testing.T) {
	quiet(t)
	for _, test := range []struct{ endpoint, ref, want string }{
		{"https://east.openai.azure.com", "azure://", "east https://east.openai.azure.com"},
		{"https://east.openai.azure.com/", "azure://EAST/d", "EAST https://east.openai.azure.com"},
		{"https://east.openai.azure.com", "azure://west/d", ""},
		{"https://east.openai.azure.com", "https://west.openai.azure.com/d", ""},
		{"https://east.cognitiveservices.azure.com", "https://east.openai.azure.com/d", "east https://east.cognitiveservices.azure.com"},
		{"http://10.0.0.1:8080/llm", "azure://", "local http://10.0.0.1:8080/llm"},
		{"http://10.0.0.1:8080/llm", "azure://any/d", "any http://10.0.0.1:8080/llm"},
		{"http://10.0.0.1:8080/llm", "http://10.0.0.1:8080/llm/openai/deployments/d/x", "local http://10.0.0.1:8080/llm"},
		{"http://10.0.0.1:8080", "http://10.0.0.1:8081/openai/deployments/d", ""},
		{"https://gateway.example.com", "azure://", "gateway https://gateway.example.com"},
	} {
		t.Run(test.endpoint+" "+test.ref, func(t *testing.T) {
			t.Setenv("AZURE_OPENAI_ENDPOINT", test.endpoint)
			s, err := read(sdk.Configuration{})
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.parse(sdk.Ref(test.ref))
			if got := r.name + " " + r.endpoint; test.want != "" && (got != test.want || err != nil) || test.want == "" && sdk.CodeOf(err) != sdk.CodeInvalid {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	quiet(t)
	for _, text := range []string{`{"endpoint": "east"}`, `{"endpoint": "https://me:s3cret@x"}`, `{"authority": "ftp://x"}`, `{"api_version": "latest"}`, `[]`} {
		if _, err := read(sdk.Configuration{Settings: []byte(text)}); sdk.CodeOf(err) != sdk.CodeInvalid || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for want, secrets := range map[string]map[string]string{"key": {"api_key": "k", "entra_token": "t"}, "entra": {"client_secret": "s"}} {
		if s, err := read(sdk.Configuration{Settings: []byte(`{"auth": ""}`), Secrets: secrets}); s.Auth != want || err != nil {
			t.Errorf("%v: %s, %v", secrets, s.Auth, err)
		}
	}
}

// TestUnlisted: a service that does not list is asked for the deployment itself.
func TestUnlisted(t *testing.T) {
	i := withKey(t, resourceAt(t, "-unlisted"))
	for ref, kind := range map[string]any{"azure://n/gpt4-turbo": "chat", "azure://n/vectors": nil} {
		if got := resolve(t, i, sdk.Ref(ref)); len(got) != 1 || got[0].Metadata["type"] != kind || got[0].Settings["api_version"] != "2024-10-21" {
			t.Errorf("%s: %+v", ref, got)
		}
	}
	for ref, test := range map[string]struct {
		code  sdk.Code
		words string
	}{
		"azure://n":         {sdk.CodeInvalid, "azure://n/DEPLOYMENT"},
		"azure://n/gpt4-tu": {sdk.CodeNotFound, "no deployment 'gpt4-tu'"},
	} {
		if _, err := i.Resolve(t.Context(), sdk.Ref(ref)); sdk.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

// TestV1: the API without dated versions, where a deployment is a model.
func TestV1(t *testing.T) {
	endpoint := resourceAt(t, "-unlisted")
	i := configured(t, fmt.Sprintf(`{"endpoint": %q, "api_version": "v1"}`, endpoint), map[string]string{"api_key": key})
	want := map[string]any{"provider": "azure", "base_url": endpoint + "/openai/v1", "model": "gpt4-turbo", "auth": "key"}
	if got := resolve(t, i, "azure://n/gpt4-turbo"); len(got) != 1 || !maps.Equal(got[0].Settings, want) {
		t.Errorf("%+v", got)
	}
	if _, err := i.Resolve(t.Context(), "azure://n/gpt5"); sdk.CodeOf(err) != sdk.CodeNotFound {
		t.Error(err)
	}
}

// TestRefusals: each says what to do next, and nothing of a credential.
func TestRefusals(t *testing.T) {
	resource := resourceAt(t, "-client", "t/c=right")
	entra := fmt.Sprintf(`{"endpoint": %q, "authority": "%s/entra", "tenant": "t", "client_id": "c"}`, resource, resource)
	empty := sdktest.Program(t, "../../cmd/provider", 1)[0]
	for name, test := range map[string]struct {
		settings string
		secrets  map[string]string
		ref      sdk.Ref
		code     sdk.Code
		words    string
	}{
		"no key":          {fmt.Sprintf(`{"endpoint": %q}`, resource), nil, "azure://n", sdk.CodeUnauthorized, "AZURE_OPENAI_API_KEY"},
		"wrong key":       {fmt.Sprintf(`{"endpoint": %q}`, resource), map[string]string{"api_key": "s3cret"}, "azure://n/own", sdk.CodeUnauthorized, "importers/azure.json"},
		"wrong token":     {fmt.Sprintf(`{"endpoint": %q}`, resource), map[string]string{"entra_token": "s3cret"}, "azure://n", sdk.CodeUnauthorized, "Cognitive Services OpenAI User"},
		"wrong secret":    {entra, map[string]string{"client_secret": "s3cret"}, "azure://n", sdk.CodeUnauthorized, "AADSTS7000215"},
		"no secret":       {fmt.Sprintf(`{"endpoint": %q, "auth": "entra"}`, resource), map[string]string{"api_key": key}, "azure://n", sdk.CodeUnauthorized, "AZURE_OPENAI_AD_TOKEN"},
		"no deployments":  {fmt.Sprintf(`{"endpoint": %q}`, empty), nil, "azure://n", sdk.CodeNotFound, "no deployments"},
		"misspelt":        {fmt.Sprintf(`{"endpoint": %q}`, resource), map[string]string{"api_key": key}, "azure://n/gpt-4-turbo", sdk.CodeNotFound, "it has gpt4-turbo"},
		"no such service": {fmt.Sprintf(`{"endpoint": "%s/other"}`, empty), nil, "azure://n/own", sdk.CodeInvalid, "api_version"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := configured(t, test.settings, test.secrets).Resolve(t.Context(), test.ref)
			if sdk.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestTokenIsKept: Entra is asked once for as long as its token is good, and not
// with one that is about to end.
func TestTokenIsKept(t *testing.T) {
	quiet(t)
	for expires, want := range map[int]int32{3599: 1, 60: 3} {
		var asked atomic.Int32
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/t/") {
				fmt.Fprintf(w, `{"access_token": "token-%d", "expires_in": %d}`, asked.Add(1), expires)
				return
			}
			if got := r.Header.Get("Authorization"); got != fmt.Sprintf("Bearer token-%d", asked.Load()) {
				t.Errorf("got %s", got)
			}
			fmt.Fprint(w, `{"data": [{"id": "d", "model": "gpt-4o"}, {"id": "../x"}, {"id": "d"}]}`)
		}))
		defer s.Close()
		i := configured(t, fmt.Sprintf(`{"endpoint": %q, "authority": %q, "tenant": "t", "client_id": "c"}`, s.URL, s.URL), map[string]string{"client_secret": "x"})
		for range 3 {
			if got := resolve(t, i, "azure://n"); len(got) != 1 || got[0].Settings["auth"] != "entra" {
				t.Errorf("got %+v", got)
			}
		}
		if asked.Load() != want {
			t.Errorf("a token for %d s: asked %d times", expires, asked.Load())
		}
	}
}

// TestNoSuchResource: every resource has a host of its own.
func TestNoSuchResource(t *testing.T) {
	err := (&account{}).explain(resource{name: "n"}, &sdk.Error{Code: sdk.CodeUnavailable, Cause: &net.DNSError{Name: "n.openai.azure.com", IsNotFound: true}})
	if sdk.CodeOf(err) != sdk.CodeNotFound || !strings.Contains(err.Error(), "'n'") {
		t.Error(err)
	}
}

// TestSearchWithoutAnAccount calls nobody.
func TestSearchWithoutAnAccount(t *testing.T) {
	quiet(t)
	if _, err := configured(t, `{}`, nil).Search(t.Context(), "gpt", 5); sdk.CodeOf(err) != sdk.CodeUnsupported {
		t.Errorf("got %v", err)
	}
}
