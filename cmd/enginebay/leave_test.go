package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestClientThatLeaves: a real llama-server stops within a second, also beside
// another stream, which keeps llama-server alone from ever looking. The context
// holds what two endless answers write until then.
func TestClientThatLeaves(t *testing.T) {
	home := newHome(t)
	writeFile(t, home+"/engines/llamacpp.json", `{"settings": {"ctx_len": 4096, "extra_args": ["--context-shift"]}}`)
	b := startServer(t, home)
	const endless = `"max_tokens":-1,"ignore_eos":true`
	for _, test := range []struct {
		name, more string
		beside     bool
	}{
		{"while streaming", `"stream":true,` + endless, false},
		{"without a stream", `"stream":false,` + endless, false},
		{"while streaming, beside another stream", `"stream":true,` + endless, true},
		{"without a stream, beside another stream", `"stream":false,` + endless, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			others := 0
			if test.beside {
				leave := begin(t, b, `"stream":true,`+endless)
				defer waitBusy(t, b, 0)
				defer leave()
				others = 1
			}
			leave := begin(t, b, test.more)
			waitBusy(t, b, others+1)
			left := time.Now()
			leave()
			waitBusy(t, b, others)
			t.Logf("stopped after %v", time.Since(left).Round(time.Millisecond))
		})
	}
}

// waitBusy waits a second until llama-server works on so many requests.
func waitBusy(t *testing.T, b *bay, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Second); ; time.Sleep(2 * time.Millisecond) {
		log := b.log.text()
		busy := strings.Count(log, "processing task") - strings.Count(log, "stop processing")
		if busy == n {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("llama-server works on %d requests, want %d", busy, n)
			return
		}
	}
}

// begin sends a request, waits until llama-server works on it, and returns how
// to leave.
func begin(t *testing.T, b *bay, more string) (leave func()) {
	t.Helper()
	before := strings.Count(b.log.text(), "processing task")
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "POST", b.url+"/v1/chat/completions", strings.NewReader(question(more)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}()
	for deadline := time.Now().Add(10 * time.Second); strings.Count(b.log.text(), "processing task") == before; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("llama-server does not begin:\n%s", b.log.text())
		}
	}
	return func() { cancel(); <-done }
}

func question(more string) string {
	return `{"model":"tiny-guide","temperature":0,"messages":[{"role":"user","content":"What is Engine Bay?"}],` + more + `}`
}
