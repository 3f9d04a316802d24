package api_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// The benchmarks measure what the runtime adds: the same request to the same
// engine, straight to its endpoint and through the server. "added" is the
// difference of the two in one run.

func BenchmarkChat(b *testing.B) {
	bay := newBay(b, map[string]string{"m": `{}`})
	body := []byte(chat("m", "hello"))
	straight := send(b, bay, body)
	b.Run("straight", func(b *testing.B) {
		for b.Loop() {
			straight()
		}
	})
	b.Run("through", func(b *testing.B) {
		for b.Loop() {
			through(b, bay, body)
		}
	})
}

// BenchmarkRoutedChat is a chat by way of a routed model: what that adds to "through".
func BenchmarkRoutedChat(b *testing.B) {
	bay := newBay(b, map[string]string{"m": `{}`, "other": `{}`})
	bay.write("models/routed/model.json", `{"targets": [{"model": "m"}, {"model": "other"}]}`)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := bay.runtime.Model("routed"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			b.Fatal("the routed model is not seen")
		}
	}
	for _, model := range []string{"m", "routed"} {
		body := []byte(chat(model, "hello"))
		b.Run(model, func(b *testing.B) {
			for b.Loop() {
				through(b, bay, body)
			}
		})
	}
}

// BenchmarkStream reports tokens a second of one stream, as fast as the engine goes.
func BenchmarkStream(b *testing.B) {
	const tokens = 2000
	bay := newBay(b, map[string]string{"m": `{"tokens": 2000}`})
	body := []byte(chat("m", "hello", `"stream":true`))
	straight := send(b, bay, body)
	for name, ask := range map[string]func(){"straight": straight, "through": func() { through(b, bay, body) }} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				ask()
			}
			b.ReportMetric(float64(tokens*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// BenchmarkParallelStreams is the same with 16 streams at once.
func BenchmarkParallelStreams(b *testing.B) {
	const tokens = 500
	bay := newBay(b, map[string]string{"m": `{"tokens": 500}`})
	body := []byte(chat("m", "hello", `"stream":true`))
	straight := send(b, bay, body)
	for name, ask := range map[string]func(){"straight": straight, "through": func() { through(b, bay, body) }} {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					ask()
				}
			})
			b.ReportMetric(float64(tokens*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// send returns a request that goes to the engine's endpoint itself.
func send(b *testing.B, bay *bay, body []byte) func() {
	b.Helper()
	lease, err := bay.runtime.Acquire(context.Background(), "m", core.Ask{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(lease.Release)
	return func() {
		resp, err := lease.Post(context.Background(), core.Request{Operation: sdk.OpChat, Stream: true, ContentType: "application/json", Body: body})
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

func through(b *testing.B, bay *bay, body []byte) {
	resp, err := bay.client.Post(bay.url+"/v1/chat/completions", "application/json", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// BenchmarkList is GET /v1/models with 1,000 models.
func BenchmarkList(b *testing.B) {
	models := map[string]string{}
	for i := range 1000 {
		models["model-"+strings.Repeat("x", i%20)+string(rune('a'+i%26))+strings.Repeat("y", i/26)] = `{}`
	}
	bay := newBay(b, models)
	for b.Loop() {
		resp, err := bay.client.Get(bay.url + "/v1/models")
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}
