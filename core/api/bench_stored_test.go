package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkStored asks for the same stream in four ways, by turns: as a chat, which
// nobody keeps; as a run of a thread; as a response that is not kept, and as one that
// is. It reports as medians how long a chat takes to its first piece and to its end,
// and how many times as long the others take: storing must not slow a stream.
func BenchmarkStored(b *testing.B) {
	for name, settings := range map[string]string{
		"as fast as it goes": `{"tokens": 500, "operations": ["chat/completions", "responses"]}`,
		"as a model speaks":  `{"tokens": 100, "tokens_per_second": 400, "operations": ["chat/completions", "responses"]}`,
	} {
		b.Run(name, func(b *testing.B) {
			bay := newBay(b, map[string]string{"m": settings})
			kinds := []*kind{
				{name: "chat", piece: `"delta":{"content":`, ask: func() (string, string) { return "/v1/chat/completions", chat("m", "hello", `"stream":true`) }},
				{name: "run", piece: "event: thread.message.delta", ask: func() (string, string) { return bay.thread("hello") + "/runs", `{"model":"m","stream":true}` }},
				{name: "response", piece: "event: response.output_text.delta", ask: func() (string, string) {
					return "/v1/responses", `{"model":"m","input":"hello","stream":true,"store":false}`
				}},
				{name: "kept-response", piece: "event: response.output_text.delta", ask: func() (string, string) {
					return "/v1/responses", `{"model":"m","input":"hello","stream":true}`
				}},
			}
			through(b, bay, []byte(chat("m", "load")))
			for b.Loop() {
				for _, k := range kinds {
					k.time(b, bay)
				}
			}
			for _, k := range kinds {
				k.report(b, kinds[0])
			}
		})
	}
}

// BenchmarkLongThread runs a short thread and one of 10,000 messages by turns, of a model
// with a context of 8,192 tokens: a run must not read what its model is not shown.
func BenchmarkLongThread(b *testing.B) {
	bay := newBay(b, map[string]string{"m": `{"ctx_len": 8192}`})
	messages := make([]string, 9_999)
	for i := range messages {
		messages[i] = fmt.Sprintf(`{"role": %q, "content": %q}`, []string{"user", "assistant"}[i%2], strings.Repeat("word ", 100))
	}
	run := func(name string, messages []string) *kind {
		thread := bay.made("/v1/threads", `{"messages": [`+strings.Join(messages, ",")+`]}`)
		return &kind{name: name, piece: "event: thread.message.delta", ask: func() (string, string) {
			return "/v1/threads/" + thread + "/runs", `{"model":"m","stream":true}`
		}}
	}
	kinds := []*kind{run("short", messages[:1]), run("long", messages)}
	for b.Loop() {
		for _, k := range kinds {
			k.time(b, bay)
		}
	}
	for _, k := range kinds {
		k.report(b, kinds[0])
	}
}

// kind is a way to ask for a stream.
type kind struct {
	name         string
	piece        string // what the first piece of the answer has in it
	ask          func() (path, body string)
	first, total []time.Duration
}

func (k *kind) time(b *testing.B, bay *bay) {
	path, body := k.ask()
	began := time.Now()
	resp, err := bay.client.Post(bay.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			b.Fatalf("%s: status %d, and no piece: %v", k.name, resp.StatusCode, err)
		}
		if strings.Contains(line, k.piece) {
			break
		}
	}
	k.first = append(k.first, time.Since(began))
	if _, err := io.Copy(io.Discard, lines); err != nil {
		b.Fatal(err)
	}
	k.total = append(k.total, time.Since(began))
}

func (k *kind) report(b *testing.B, to *kind) {
	first, total := median(k.first), median(k.total)
	if k == to {
		b.ReportMetric(first.Seconds()*1e3, k.name+"-first-ms")
		b.ReportMetric(total.Seconds()*1e3, k.name+"-total-ms")
		return
	}
	b.ReportMetric(float64(first)/float64(median(to.first)), k.name+"-first-x")
	b.ReportMetric(float64(total)/float64(median(to.total)), k.name+"-total-x")
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// BenchmarkResponse is a whole response, forgotten and kept: what keeping costs.
func BenchmarkResponse(b *testing.B) {
	bay := newBay(b, map[string]string{"m": `{"operations": ["chat/completions", "responses"]}`})
	through(b, bay, []byte(chat("m", "load")))
	for name, store := range map[string]bool{"forgotten": false, "kept": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				resp, err := bay.client.Post(bay.url+"/v1/responses", "application/json", strings.NewReader(fmt.Sprintf(`{"model":"m","input":"hello","store":%v}`, store)))
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					b.Fatalf("status %d", resp.StatusCode)
				}
			}
		})
	}
}
