package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

// tokens are those of a stream of the benchmark.
const tokens = 1000

// BenchmarkProxy is the cost of the plugin, over loopback to a service and over a unix
// socket to the core as it is in use: a whole answer, and a stream of 1000 tokens,
// each also without the plugin.
func BenchmarkProxy(b *testing.B) {
	event := `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}]}` + "\n\n"
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(text), `"stream":true`) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(w)
		for range tokens {
			_, _ = io.WriteString(w, event)
			_ = control.Flush()
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	}))
	defer service.Close()
	for _, provider := range []string{"acme", "vllm"} { // vllm's streams are edited, to count the usage
		socket := listen(b, provider, service.URL)
		for name, stream := range map[string]bool{"whole": false, "stream": true} {
			for way, client := range map[string]*http.Client{"direct": {Transport: &http.Transport{}}, "plugin": {Transport: &http.Transport{
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, "unix", socket)
				}}}} {
				if provider == "vllm" && (way == "direct" || !stream) {
					continue
				}
				b.Run(provider+"/"+name+"/"+way, func(b *testing.B) {
					defer client.CloseIdleConnections()
					body := fmt.Sprintf(`{"model":"m","messages":[{"role":"user","content":"%s"}],"temperature":0.7,"stream":%t}`, strings.Repeat("word ", 200), stream)
					b.ReportAllocs()
					for b.Loop() {
						resp, err := client.Post(service.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
						if err != nil {
							b.Fatal(err)
						}
						if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
							b.Fatal(resp.StatusCode, err)
						}
						resp.Body.Close()
					}
					if stream {
						b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/tokens, "ns/token")
					}
				})
			}
		}
	}
}

// listen serves a model on a unix socket.
func listen(b *testing.B, provider, address string) string {
	a, err := newAccount(sdk.Configuration{Deployment: "d", Settings: json.RawMessage(fmt.Sprintf(`{"provider": %q, "base_url": "%s/v1"}`, provider, address)), Log: hclog.NewNullLogger()})
	if err != nil {
		b.Fatal(err)
	}
	u, err := a.open(sdk.Model{ID: "m"}, a.settings)
	if err != nil {
		b.Fatal(err)
	}
	socket := filepath.Join(b.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: u}
	go server.Serve(l)
	b.Cleanup(func() {
		server.Close()
		u.cancel()
		a.rest()
	})
	return socket
}

// BenchmarkBody is what a request's change costs by itself; one is large, with an image.
func BenchmarkBody(b *testing.B) {
	u := &upstream{row: provider{drop: sampling}, name: "gpt-4o"}
	for name, size := range map[string]int{"1 KB": 1 << 10, "4 MB": 4 << 20} {
		text := `{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("x", size) + `"}],"temperature":0.7,"max_tokens":100,"stream":true}`
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r := httptest.NewRequest("POST", "/", strings.NewReader(text))
				body, err := readBody(r)
				if err != nil {
					b.Fatal(err)
				}
				u.fit(body).with("model", u.name).bytes()
			}
		})
	}
}
