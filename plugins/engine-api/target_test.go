package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

// quiet takes away what the official clients would find in the environment.
func quiet(t *testing.T) {
	t.Helper()
	for _, name := range []string{"OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "OPENAI_API_VERSION", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_AUTHORITY_HOST"} {
		t.Setenv(name, "")
	}
}

// configured is an account of a deployment.
func configured(t *testing.T, id, settings string, secrets map[string]string) *account {
	t.Helper()
	a, err := newAccount(sdk.Configuration{Deployment: id, Settings: json.RawMessage(settings), Secrets: secrets, Log: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// opened is a model of a file, as the core loads it: the file's settings over those
// of the deployment.
func (a *account) opened(t *testing.T, id, file string) (*upstream, error) {
	t.Helper()
	m := sdk.Model{ID: id}
	if err := json.Unmarshal([]byte(file), &m.Manifest); err != nil {
		t.Fatal(err)
	}
	if m.Manifest.ID == "" {
		m.Manifest.ID = id
	}
	s := a.settings
	text, err := json.Marshal(m.Manifest.Settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	u, err := a.open(m, s)
	if err == nil {
		t.Cleanup(u.cancel)
	}
	return u, err
}

// secret are keys of every provider, and the deployment's own where one is given.
func secret(own string) map[string]string {
	all := map[string]string{"api_key": own, "my_token": "mine-0123"}
	for _, p := range providers {
		all[p.secret()] = p.name + "-key"
	}
	return all
}

// TestTargets: whom a model is asked from, by which name, and with which key.
func TestTargets(t *testing.T) {
	seeds, err := os.ReadFile("../../core/store/testdata/shapes/a-azure.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	const groqFile = `{"settings": {"provider": "groq", "base_url": "https://api.groq.com/openai/v1", "model": "llama-3.1-8b-instant"}}`
	for name, test := range map[string]struct {
		deployment, settings, own string
		env                       map[string]string
		id, file                  string
		chat, header              string // address of chats, and who asks
		model                     string
	}{
		"by name alone":                  {"api", `{}`, "", nil, "gpt-4o", `{}`, "https://api.openai.com/v1/chat/completions", "Bearer openai-key", "gpt-4o"},
		"of a folder":                    {"api", `{}`, "", nil, "openai/gpt-4o", `{}`, "https://api.openai.com/v1/chat/completions", "Bearer openai-key", "gpt-4o"},
		"older engine":                   {"api", `{}`, "", nil, "groq-llama2-70b", `{"id": "llama2-70b-4096", "metadata": {"provider": "groq"}}`, "https://api.groq.com/openai/v1/chat/completions", "Bearer groq-key", "llama2-70b-4096"},
		"an importer's":                  {"api", `{}`, "", nil, "groq/x", groqFile, "https://api.groq.com/openai/v1/chat/completions", "Bearer groq-key", "llama-3.1-8b-instant"},
		"deployment by id":               {"groq", `{}`, "own-key", nil, "m", `{"settings": {"model": "x"}}`, "https://api.groq.com/openai/v1/chat/completions", "Bearer own-key", "x"},
		"by provider":                    {"fast", `{"provider": "groq"}`, "own-key", nil, "m", `{"settings": {"model": "x"}}`, "https://api.groq.com/openai/v1/chat/completions", "Bearer own-key", "x"},
		"another's key stays":            {"api", `{}`, "own-key", nil, "groq/x", groqFile, "https://api.groq.com/openai/v1/chat/completions", "Bearer groq-key", "llama-3.1-8b-instant"},
		"own address":                    {"mine", `{"base_url": "http://127.0.0.1:9/v1/"}`, "own-key", nil, "m", `{"settings": {"model": "org/x:free"}}`, "http://127.0.0.1:9/v1/chat/completions", "Bearer own-key", "org/x:free"},
		"without a key":                  {"mine", `{"base_url": "http://127.0.0.1:9/v1"}`, "", nil, "m", `{}`, "http://127.0.0.1:9/v1/chat/completions", "", "m"},
		"origin":                         {"mine", `{"base_url": "http://127.0.0.1:9/v1", "origins": ["http://127.0.0.1:10"]}`, "own-key", nil, "m", `{"settings": {"base_url": "http://127.0.0.1:10/v1"}}`, "http://127.0.0.1:10/v1/chat/completions", "Bearer own-key", "m"},
		"local":                          {"ollama", `{}`, "", nil, "llama3.2", `{}`, "http://127.0.0.1:11434/v1/chat/completions", "Bearer ollama-key", "llama3.2"},
		"a file of another provider":     {"api", `{"provider": "azure", "base_url": "http://127.0.0.1:9", "api_version": "v1"}`, "own-key", nil, "m", `{"id": "llama2-70b-4096", "metadata": {"provider": "groq"}}`, "https://api.groq.com/openai/v1/chat/completions", "Bearer groq-key", "llama2-70b-4096"},
		"a deployment of that name":      {"openai", `{"provider": "azure", "base_url": "http://127.0.0.1:9", "api_version": "v1"}`, "own-key", nil, "m", `{"id": "gpt4", "metadata": {"provider": "openai"}}`, "http://127.0.0.1:9/openai/v1/chat/completions", "own-key", "gpt4"},
		"one address, several providers": {"api", `{"base_url": "http://127.0.0.1:9/v1"}`, "own-key", nil, "m", `{"metadata": {"provider": "mistral"}}`, "http://127.0.0.1:9/v1/chat/completions", "Bearer own-key", "m"},
		"the seeds beside another provider": {"api", `{"provider": "openai"}`, "own-key", nil, "azure", string(seeds),
			"https://docs-test-001.openai.azure.com/openai/deployments/gpt4-turbo/chat/completions?api-version=2023-05-15", "azure-key", "gpt4-turbo"},
		"map":          {"groq", `{"model_map": {"fast": "llama-3.1-8b"}}`, "", nil, "fast", `{}`, "https://api.groq.com/openai/v1/chat/completions", "Bearer groq-key", "llama-3.1-8b"},
		"environment":  {"api", `{}`, "", map[string]string{"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "gpt-4o", `{}`, "http://127.0.0.1:9/v1/chat/completions", "Bearer openai-key", "gpt-4o"},
		"full address": {"openai", `{"full_url": "http://127.0.0.1:9/v1/chat/completions"}`, "own-key", nil, "gpt-4", `{}`, "http://127.0.0.1:9/v1/chat/completions", "Bearer own-key", "gpt-4"},
		"header": {"mine", `{"base_url": "http://127.0.0.1:9/v1", "headers": {"authorization": "Token {my_token}"}}`, "", nil, "m", `{}`,
			"http://127.0.0.1:9/v1/chat/completions", "Token mine-0123", "m"},

		"seeds": {"api", `{}`, "", nil, "azure", string(seeds),
			"https://docs-test-001.openai.azure.com/openai/deployments/gpt4-turbo/chat/completions?api-version=2023-05-15", "azure-key", "gpt4-turbo"},
		"seeds by a gateway": {"api", `{"base_url": "http://127.0.0.1:9/team"}`, "own-key", nil, "azure", string(seeds),
			"http://127.0.0.1:9/team/openai/deployments/gpt4-turbo/chat/completions?api-version=2023-05-15", "own-key", "gpt4-turbo"},
		"azure of an importer": {"api", `{}`, "", nil, "azure-east/gpt", `{"settings": {"provider": "azure", "base_url": "https://east.openai.azure.com/openai", "deployment_name": "gpt 4", "api_version": "2024-10-21", "auth": "key"}}`,
			"", "", ""},
		"azure v1": {"api", `{}`, "", nil, "azure-east/gpt", `{"settings": {"provider": "azure", "base_url": "https://east.openai.azure.com/openai/v1", "model": "gpt4"}}`,
			"https://east.openai.azure.com/openai/v1/chat/completions", "azure-key", "gpt4"},
		"azure v1 by its version": {"east", `{"provider": "azure", "base_url": "https://east.openai.azure.com", "api_version": "v1"}`, "own-key", nil, "gpt4", `{}`,
			"https://east.openai.azure.com/openai/v1/chat/completions", "own-key", "gpt4"},
		"azure of 2024": {"openai", `{"full_url": "https://east.openai.azure.com/openai/deployments/gpt4/chat/completions?api-version=2023-07-01-preview"}`, "own-key", nil, "gpt-4", `{"metadata": {"provider": "openai"}}`,
			"https://east.openai.azure.com/openai/deployments/gpt4/chat/completions?api-version=2023-07-01-preview", "own-key", "gpt4"},
		"azure by the environment": {"api", `{}`, "", map[string]string{"AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:9/"}, "m", `{"settings": {"provider": "azure_openai", "deployment_name": "d"}}`,
			"http://127.0.0.1:9/openai/deployments/d/chat/completions?api-version=2024-10-21", "azure-key", "d"},
		"azure foundry": {"foundry", `{"provider": "azure", "base_url": "https://east.services.ai.azure.com/models"}`, "own-key", nil, "Phi-4", `{}`,
			"https://east.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview", "own-key", "Phi-4"},
	} {
		t.Run(name, func(t *testing.T) {
			quiet(t)
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			u, err := configured(t, test.deployment, test.settings, secret(test.own)).opened(t, test.id, test.file)
			if test.chat == "" {
				if sdk.CodeOf(err) != sdk.CodeInvalid {
					t.Errorf("a name with a space: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			address := u.row.language().(interface {
				address(*upstream, sdk.Operation) string
			}).address(u, sdk.OpChat)
			header := u.client.Transport.(*line).headers
			who := header.Get("Authorization") + header.Get("Api-Key")
			if address != test.chat || who != test.header || u.name != test.model {
				t.Errorf("got %s, %q, %q", address, who, u.name)
			}
		})
	}
}

// TestRefusedTargets: what a model file cannot do, and what to do about it.
func TestRefusedTargets(t *testing.T) {
	for name, test := range map[string]struct {
		deployment, settings string
		secrets              map[string]string
		file                 string
		code                 sdk.Code
		says                 string
	}{
		"a stranger's address":           {"api", `{}`, secret("own-key"), `{"settings": {"base_url": "https://evil.example/v1"}}`, sdk.CodeInvalid, "add it to origins in engines/api.json"},
		"a stranger's as a provider's":   {"groq", `{}`, secret("own-key"), `{"settings": {"provider": "groq", "base_url": "https://api.groq.com.evil.example/v1"}}`, sdk.CodeInvalid, "nobody but its file trusts"},
		"without TLS":                    {"groq", `{}`, secret("own-key"), `{"settings": {"base_url": "http://api.groq.com/openai/v1"}}`, sdk.CodeInvalid, "nobody but its file trusts"},
		"another port":                   {"groq", `{}`, secret("own-key"), `{"settings": {"base_url": "https://api.groq.com:8443/openai/v1"}}`, sdk.CodeInvalid, "nobody but its file trusts"},
		"this machine":                   {"api", `{}`, secret(""), `{"settings": {"base_url": "http://127.0.0.1:11434/v1"}}`, sdk.CodeInvalid, "nobody but its file trusts"},
		"this machine as a provider's":   {"api", `{}`, secret(""), `{"settings": {"provider": "ollama"}}`, sdk.CodeInvalid, "set base_url in engines/api.json"},
		"a password":                     {"api", `{}`, secret(""), `{"settings": {"base_url": "https://me:s3cret@api.openai.com/v1"}}`, sdk.CodeInvalid, "no address of an API"},
		"a query":                        {"api", `{}`, secret(""), `{"settings": {"base_url": "https://api.openai.com/v1?k=s3cret"}}`, sdk.CodeInvalid, "no address of an API"},
		"no key":                         {"api", `{}`, nil, `{"metadata": {"provider": "groq"}}`, sdk.CodeUnauthorized, "set GROQ_API_KEY for the server"},
		"a key for another":              {"openai", `{}`, map[string]string{"api_key": "own-key"}, `{"settings": {"provider": "groq"}}`, sdk.CodeUnauthorized, "there is no key for groq"},
		"a key for the default":          {"api", `{}`, map[string]string{"api_key": "own-key"}, `{"settings": {"provider": "openrouter"}}`, sdk.CodeUnauthorized, "there is no key for openrouter"},
		"a key for the address":          {"api", `{"base_url": "http://127.0.0.1:9/v1"}`, map[string]string{"api_key": "own-key"}, `{"settings": {"base_url": "https://api.openai.com/v1"}}`, sdk.CodeUnauthorized, "there is no key for openai"},
		"a template for another":         {"api", `{"base_url": "http://127.0.0.1:9/v1", "headers": {"X-Key": "{my_token}"}}`, secret(""), `{"settings": {"base_url": "https://api.openai.com/v1"}}`, sdk.CodeUnauthorized, "the secret my_token"},
		"an unknown provider":            {"api", `{}`, secret(""), `{"settings": {"provider": "grok"}}`, sdk.CodeInvalid, "groq"},
		"weights":                        {"api", `{}`, secret(""), `{"files": 1}`, sdk.CodeUnsupported, "has weights"},
		"entra without a way":            {"api", `{}`, nil, `{"settings": {"provider": "azure", "auth": "entra", "deployment_name": "d", "base_url": "https://x.openai.azure.com"}}`, sdk.CodeUnauthorized, "AZURE_OPENAI_AD_TOKEN"},
		"azure's key for a lookalike":    {"api", `{}`, secret(""), `{"settings": {"provider": "azure", "base_url": "https://x.openai.azure.com.evil.example", "deployment_name": "d"}}`, sdk.CodeInvalid, "nobody but its file trusts"},
		"azure without TLS":              {"api", `{}`, secret(""), `{"settings": {"provider": "azure", "base_url": "http://x.openai.azure.com", "deployment_name": "d"}}`, sdk.CodeInvalid, "nobody but its file trusts"},
		"azure without an address":       {"api", `{}`, secret(""), `{"settings": {"provider": "azure", "deployment_name": "d"}}`, sdk.CodeInvalid, "set base_url"},
		"an operation that is not there": {"api", `{}`, secret(""), `{"settings": {"operations": ["chats"]}}`, sdk.CodeInvalid, "operations"},
	} {
		t.Run(name, func(t *testing.T) {
			quiet(t)
			a := configured(t, test.deployment, test.settings, test.secrets)
			var err error
			if name == "weights" {
				_, err = a.open(sdk.Model{ID: "m", Files: []string{"/w.gguf"}}, usual())
			} else {
				_, err = a.opened(t, "m", test.file)
			}
			if sdk.CodeOf(err) != test.code || err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %s, %v", sdk.CodeOf(err), err)
			}
			if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "own-key")) {
				t.Errorf("a secret in %v", err)
			}
		})
	}
}

// TestBadDeployments: what Configure refuses.
func TestBadDeployments(t *testing.T) {
	for _, settings := range []string{`{"base_url": "ftp://x"}`, `{"base_url": "https://u:p@x"}`, `{"origins": ["https://x/path"]}`, `{"headers": {"Host": "x"}}`, `{"headers": {"X": "a\r\nY: b"}}`,
		`{"headers": {"X Y": "a"}}`, `{"connect_timeout": "soon"}`, `{"idle_timeout": "0s"}`, `{"idle_timeout": 5}`, `{"max_retries": -1}`, `{"auth": "magic"}`, `[]`} {
		if _, err := newAccount(sdk.Configuration{Deployment: "d", Settings: []byte(settings)}); sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("%s: %v", settings, err)
		}
	}
	if _, err := newAccount(sdk.Configuration{Deployment: "d", Secrets: map[string]string{"api_key": "s3cret\nX: y"}}); sdk.CodeOf(err) != sdk.CodeInvalid || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a secret with a line end: %v", err)
	}
}

// TestOperations: what a model answers, by its settings, its metadata, its name.
func TestOperations(t *testing.T) {
	quiet(t)
	for name, test := range map[string]struct{ deployment, file, want string }{
		"settings":         {"openai", `{"settings": {"operations": ["moderations"], "embedding": true}}`, "moderations"},
		"metadata":         {"openai", `{"metadata": {"type": "image"}}`, "images/generations"},
		"embedding":        {"openai", `{"settings": {"embedding": true}}`, "embeddings"},
		"its name":         {"openai", `{"settings": {"model": "text-embedding-3-small"}}`, "embeddings"},
		"chat":             {"openai", `{"settings": {"model": "gpt-4o"}}`, "chat/completions responses"},
		"speech":           {"openai", `{"settings": {"model": "gpt-4o-mini-tts"}}`, "audio/speech"},
		"whisper":          {"groq", `{"settings": {"model": "whisper-large-v3"}}`, "audio/transcriptions audio/translations"},
		"transcription":    {"openai", `{"settings": {"model": "gpt-4o-transcribe"}}`, "audio/transcriptions"},
		"older completion": {"openai", `{"settings": {"model": "davinci-002"}}`, "completions"},
		"rerank":           {"jina", `{"settings": {"model": "jina-reranker-v2"}}`, "rerank"},
		"unknown":          {"vllm", `{"settings": {"model": "acme"}}`, "chat/completions completions responses messages embeddings"},
		"azure, behind":    {"azure", `{"settings": {"base_url": "https://x.openai.azure.com", "deployment_name": "gpt"}, "metadata": {"model": "text-embedding-3-small"}}`, "embeddings"},
		"azure, dated":     {"azure", `{"settings": {"base_url": "https://x.openai.azure.com", "deployment_name": "d"}, "metadata": {"type": "chat"}}`, "chat/completions"},
		"azure, v1":        {"azure", `{"settings": {"base_url": "https://x.openai.azure.com", "api_version": "v1", "deployment_name": "d"}, "metadata": {"type": "chat"}}`, "chat/completions responses"},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := configured(t, test.deployment, `{}`, secret("")).opened(t, "m", test.file)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, op := range u.operations {
				got = append(got, string(op))
			}
			if !slices.Equal(got, strings.Fields(test.want)) {
				t.Errorf("got %v", got)
			}
		})
	}
}
