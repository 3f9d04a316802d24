package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/process"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// tinyGuide is the model that the real server has, by its name there.
const tinyGuide = "tiny-guide"

// context length of the real server: a request that goes on and on must be possible.
const longest = 60_000

// llamaServer is a real llama-server with a real model, behind a front on TCP: at /v1
// it is itself, and at /openai as Azure has it, with deployments, versions and a key.
func llamaServer(t *testing.T) string {
	t.Helper()
	program, err := filepath.Abs("../../build/plugins/engine-llamacpp/libs/llamacpp/bin/llama-server")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath(program); err != nil {
		if program, err = exec.LookPath("llama-server"); err != nil {
			if runtime.GOOS == "linux" {
				t.Fatal("no llama-server is here; run \"make llamacpp\" first")
			}
			t.Skip("no llama-server is installed on this system")
		}
	}
	model, err := filepath.Abs("../../examples/models/tiny-guide/tiny-guide.gguf")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "eb") // short: it is part of a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s.sock")
	server, err := process.Run(t.Context(), process.Config{Path: program, Dir: dir, Env: os.Environ(), Health: "/health", Log: hclog.NewNullLogger(),
		Endpoint: sdk.Endpoint{Socket: socket},
		Args: []string{"--model", model, "--alias", tinyGuide, "--host", socket, "--offline", "--no-webui", "--metrics", "-c", fmt.Sprint(longest + 2000), "-np", "4", "--kv-unified",
			"-t", "1", "--jinja", "--embedding", "--pooling", "mean", "--sse-ping-interval", "1", "--threads-http", "16", "--cache-ram", "0"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = server.Close(ctx)
	})
	front := httptest.NewServer(azureFront(socket))
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
	})
	return front.URL
}

var deployed = regexp.MustCompile(`^/openai/deployments/([^/]+)/(.+)$`)

// azureFront hands requests on to the socket.
func azureFront(socket string) http.Handler {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	proxy := &httputil.ReverseProxy{Transport: transport, FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: "localhost"})
		r.Out.Header.Del("Api-Key")
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Go's server closes what is left of a body, its end too, when an answer begins; the
		// proxy, which may still be at it, takes that for a fault and breaks the answer off.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		w.Header().Set("Apim-Request-Id", "apim-1")
		found := deployed.FindStringSubmatch(r.URL.Path)
		switch {
		case !strings.HasPrefix(r.URL.Path, "/openai/"):
		case r.Header.Get("Api-Key") != key:
			http.Error(w, `{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}`, http.StatusUnauthorized)
			return
		case found == nil, r.URL.Query().Get("api-version") == "":
			http.Error(w, `{"error":{"code":"404","message":"Resource not found"}}`, http.StatusNotFound)
			return
		case found[1] != "gpt4-turbo":
			http.Error(w, `{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}`, http.StatusNotFound)
			return
		default:
			r.URL.Path, r.URL.RawQuery = "/v1/"+found[2], ""
		}
		proxy.ServeHTTP(w, r) // it panics where the answer breaks off: the connection shall break off too
	})
}

// TestRealServer: a real llama-server as the remote service, as itself and as Azure.
func TestRealServer(t *testing.T) {
	address := llamaServer(t)
	seeds, err := os.ReadFile("../../core/store/testdata/shapes/a-azure.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ provider, url, file string }{
		"itself": {"llamacpp", address + "/v1", fmt.Sprintf(`{"settings": {"model": %q, "operations": ["chat/completions", "completions", "embeddings", "responses", "messages", "messages/count_tokens", "tokenize"]}}`, tinyGuide)},
		"azure":  {"azure", address, string(seeds)},
	} {
		t.Run(name, func(t *testing.T) {
			l := load(t, test.provider, test.url, test.file)
			t.Run("official client", func(t *testing.T) { officialClient(t, l) })
			t.Run("leave", func(t *testing.T) { leave(t, l, address) })
		})
	}
	t.Run("operations", func(t *testing.T) {
		l := load(t, "llamacpp", address+"/v1", `{"settings": {"model": "tiny-guide", "operations": ["responses", "messages", "messages/count_tokens", "tokenize", "embeddings"]}}`)
		for op, body := range map[sdk.Operation]string{
			sdk.OpResponses: `{"model":"m","input":"What is Engine Bay?"}`, sdk.OpMessages: `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`,
			sdk.OpCountTokens: `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, sdk.OpTokenize: `{"model":"m","content":"hi"}`, sdk.OpEmbedding: `{"model":"m","input":"hi"}`,
		} {
			if resp := l.ask(t, op, body); resp.StatusCode != 200 {
				t.Errorf("%s: %d %s", op, resp.StatusCode, said(t, resp))
			}
		}
	})
	t.Run("models", func(t *testing.T) {
		quiet(t)
		u, err := configured(t, "ll", fmt.Sprintf(`{"provider": "llamacpp", "base_url": "%s/v1"}`, address), nil).service()
		if err != nil {
			t.Fatal(err)
		}
		defer u.account.rest()
		offered, err := openAI{}.models(t.Context(), u)
		if err != nil || len(offered) != 1 || offered[0].ID != tinyGuide {
			t.Errorf("%+v, %v", offered, err)
		}
	})
	t.Run("refusals", func(t *testing.T) {
		l := load(t, "azure", address, `{"settings": {"deployment_name": "other"}}`)
		if resp := l.ask(t, sdk.OpChat, chatBody); resp.StatusCode != 404 || resp.Header.Get("X-Upstream-Request-Id") != "apim-1" || !strings.Contains(said(t, resp), "model_not_found") {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
		l = load(t, "llamacpp", address+"/v1", `{"settings": {"model": "tiny-guide"}}`)
		if resp := l.ask(t, sdk.OpChat, `{"model":"m","messages":"hello"}`); resp.StatusCode != 400 {
			t.Errorf("%d %s", resp.StatusCode, said(t, resp))
		}
	})
}

// officialClient talks to a model with OpenAI's own client for Go.
func officialClient(t *testing.T, l *loaded) {
	transport := &http.Transport{DisableKeepAlives: true}
	client := openai.NewClient(option.WithBaseURL(l.url+"/v1/"), option.WithAPIKey("unused"), option.WithMaxRetries(0), option.WithHTTPClient(&http.Client{Transport: transport}))
	ask := openai.ChatCompletionNewParams{Model: "m", MaxTokens: openai.Int(20), Temperature: openai.Float(0),
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("What is Engine Bay?")}}
	answer, err := client.Chat.Completions.New(t.Context(), ask)
	if err != nil || answer.Choices[0].Message.Content == "" || answer.Usage.TotalTokens == 0 {
		t.Fatalf("%+v, %v", answer, err)
	}
	for _, usage := range []bool{false, true} {
		if usage {
			ask.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
		}
		text, total, err := streamedWhole(t, client, ask, usage)
		if err != nil || text != answer.Choices[0].Message.Content || (total > 0) != usage {
			t.Errorf("streamed %q with %d tokens, %v; want %q", text, total, err, answer.Choices[0].Message.Content)
		}
	}
}

// streamedWhole is the text of a stream, with the tokens of its usage.
func streamedWhole(t *testing.T, client openai.Client, ask openai.ChatCompletionNewParams, usage bool) (text string, total int64, err error) {
	stream := client.Chat.Completions.NewStreaming(t.Context(), ask)
	defer stream.Close()
	for stream.Next() {
		chunk := stream.Current()
		total += chunk.Usage.TotalTokens
		if len(chunk.Choices) > 0 {
			text += chunk.Choices[0].Delta.Content
		}
		if len(chunk.Choices) == 0 && !usage {
			t.Errorf("a chunk that nobody asked for: %s", chunk.RawJSON())
		}
	}
	return text, total, stream.Err()
}

// leave begins an answer that would take long, and goes away: the real server stops.
func leave(t *testing.T, l *loaded, address string) {
	for _, stream := range []bool{true, false} {
		before := metric(t, address, "llamacpp:tokens_predicted_total")
		ctx, cancel := context.WithCancel(t.Context())
		body := fmt.Sprintf(`{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":%d,"ignore_eos":true,"logit_bias":[[0,false]],"stream":%t}`, longest, stream)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		}()
		wait(t, "the server works on it", func() bool { return metric(t, address, "llamacpp:requests_processing") == 1 })
		cancel()
		<-done
		wait(t, "the server stops", func() bool { return metric(t, address, "llamacpp:requests_processing") == 0 })
		if made := metric(t, address, "llamacpp:tokens_predicted_total") - before; made >= longest {
			t.Errorf("it computed all %v tokens", made)
		}
	}
}

func wait(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// metric is one of the real server's counters.
func metric(t *testing.T, address, name string) (value float64) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			_, _ = fmt.Sscan(text, &value)
		}
	}
	return value
}

// TestProvider: the fake of the project, with OpenAI's and Azure's protocols, their
// keys and Entra, and faults.
func TestProvider(t *testing.T) {
	address := sdktest.Program(t, "../../cmd/provider", 1, "-key", key, "-model", "gpt-4o", "-deployment", "gpt4=gpt-4o", "-deployment", "vectors=text-embedding-3-small",
		"-client", "tenant-1/client-1=s3cret-value")[0]
	const question = `{"model":"m","messages":[{"role":"user","content":"one two"}]}`
	entra := fmt.Sprintf(`"auth": "entra", "tenant": "tenant-1", "client_id": "client-1", "authority": "%s/entra"`, address)
	for name, test := range map[string]struct {
		provider, url, file string
		settings, secrets   string
		status              int
		says                string
	}{
		"openai":           {"openai", "/v1", `{"settings":{"model":"gpt-4o"}}`, `"max_retries":0`, `{"api_key":"` + key + `"}`, 200, "one two"},
		"no such model":    {"openai", "/v1", `{"settings":{"model":"gpt-9"}}`, `"max_retries":0`, `{"api_key":"` + key + `"}`, 404, "model_not_found"},
		"the wrong key":    {"openai", "/v1", `{"settings":{"model":"gpt-4o"}}`, `"max_retries":0`, `{"api_key":"sk-wrong-key"}`, 502, "upstream_unauthorized"},
		"a wrong address":  {"openai", "/v2", `{"settings":{"model":"gpt-4o"}}`, `"max_retries":0`, `{"api_key":"` + key + `"}`, 502, "upstream_not_found"},
		"azure":            {"azure", "", `{"settings":{"deployment_name":"gpt4"}}`, `"max_retries":0`, `{"api_key":"` + key + `"}`, 200, "one two"},
		"azure v1":         {"azure", "/openai/v1", `{"settings":{"model":"gpt4"}}`, `"max_retries":0`, `{"api_key":"` + key + `"}`, 200, "one two"},
		"azure with entra": {"azure", "", `{"settings":{"deployment_name":"gpt4"}}`, entra, `{"client_secret":"s3cret-value"}`, 200, "one two"},
		"a wrong client":   {"azure", "", `{"settings":{"deployment_name":"gpt4"}}`, entra, `{"client_secret":"wrong-value"}`, 502, "client_secret in engines/deployed.json"},
		"given token":      {"azure", "", `{"settings":{"deployment_name":"gpt4","auth":"entra"}}`, `"max_retries":0`, `{"entra_token":"entra-token"}`, 200, "one two"},
		"old token":        {"azure", "", `{"settings":{"deployment_name":"gpt4","auth":"entra"}}`, `"max_retries":0`, `{"entra_token":"old-token"}`, 502, "upstream_unauthorized"},
		"no deployment":    {"azure", "", `{"settings":{"deployment_name":"gpt5"}}`, `"max_retries":0`, `{"api_key":"` + key + `"}`, 404, "model_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			quiet(t)
			var secrets map[string]string
			if err := json.Unmarshal([]byte(test.secrets), &secrets); err != nil {
				t.Fatal(err)
			}
			a := configured(t, "deployed", fmt.Sprintf(`{"provider": %q, "base_url": %q, %s}`, test.provider, address+test.url, test.settings), secrets)
			u, err := a.opened(t, "m", test.file)
			if err != nil {
				t.Fatal(err)
			}
			defer a.rest()
			for range 2 { // the second time with the token of the first
				w := httptest.NewRecorder()
				u.ServeHTTP(w, httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(question)))
				if w.Code != test.status || !strings.Contains(w.Body.String(), test.says) || strings.Contains(w.Body.String(), "sk-") || strings.Contains(w.Body.String(), "value") && strings.Contains(w.Body.String(), "s3cret") {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
	t.Run("deployments", func(t *testing.T) {
		quiet(t)
		u, err := configured(t, "east", fmt.Sprintf(`{"provider": "azure", "base_url": %q}`, address), map[string]string{"api_key": key}).service()
		if err != nil {
			t.Fatal(err)
		}
		defer u.account.rest()
		offered, err := azure{}.models(t.Context(), u)
		if err != nil || len(offered) != 2 || offered[0].ID != "gpt4" || offered[0].Metadata["model"] != "gpt-4o" || offered[0].Metadata["type"] != "chat" || offered[1].Metadata["type"] != "embedding" {
			t.Errorf("%+v, %v", offered, err)
		}
	})
	t.Run("busy", func(t *testing.T) {
		busy := sdktest.Program(t, "../../cmd/provider", 1, "-model", "gpt-4o", "-fault", "/v1/chat 503 1", "-fault", "/v1/models 429 1")[0]
		l := load(t, "openai", busy+"/v1", `{"settings":{"model":"gpt-4o"}}`, `"max_retries": 1`)
		if resp := l.ask(t, sdk.OpChat, question); resp.StatusCode != 200 {
			t.Errorf("%d %s", resp.StatusCode, said(t, resp))
		}
	})
}
