package metrics_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/metrics"
)

func event(json string) string { return "data: " + json + "\n\n" }

func TestTokensOfStreams(t *testing.T) {
	piece := event(`{"choices":[{"delta":{"content":"say \"usage\": {\"completion_tokens\": 9000}"}}]}`)
	finish, done := event(`{"choices":[{"delta":{},"finish_reason":"stop"}]}`), event("[DONE]")
	for _, c := range []struct {
		name          string
		chunks        []string
		input, output int
		done          bool
	}{
		{"no usage", []string{piece, piece, piece, finish, done}, 0, 3, true},
		{"several events in a chunk", []string{piece + piece, piece + finish + done}, 0, 3, true},
		{"usage", []string{piece, finish, event(`{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":40,"total_tokens":47}}`), done}, 7, 40, true},
		{"null before the usage", []string{event(`{"usage":null}`), event(`{"usage": {"prompt_tokens": 7, "completion_tokens": 2}}`) + done}, 7, 2, true},
		{"usage in pieces", []string{piece, `data: {"usa`, `ge":{"prompt_tok`, `ens":7,"completion_tokens":40}}`, "\n\n", done}, 7, 40, true},
		{"after a long text", []string{strings.Repeat(piece, 200), event(`{"usage":{"prompt_tokens":7,"completion_tokens":200}}`), done}, 7, 200, true},
		{"Anthropic's form", []string{
			"event: message_start\n" + event(`{"type":"message_start","message":{"usage":{"input_tokens":25,"output_tokens":1}}}`),
			strings.Repeat("event: content_block_delta\n"+event(`{"delta":{"text":"x"}}`), 100),
			"event: message_delta\n" + event(`{"usage":{"output_tokens":100}}`)}, 25, 100, false},
		{"a response's form", []string{event(`{"type":"response.created","response":{"usage":null}}`),
			event(`{"type":"response.completed","response":{"output":[],"usage":{"input_tokens":3,"output_tokens":4}}}`)}, 3, 4, false},
		{"broken off", []string{piece, piece[:20]}, 0, 0, false},
		{"nothing", nil, 0, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tokens metrics.Tokens
			for _, chunk := range c.chunks {
				tokens.Chunk([]byte(chunk))
			}
			if done := tokens.Done(); done != c.done {
				t.Errorf("Done is %v", done)
			}
			if in, out := tokens.Count(); in != c.input || out != c.output {
				t.Errorf("counted %d in and %d out, not %d and %d", in, out, c.input, c.output)
			}
		})
	}
}

func TestTokensOfWholeAnswers(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, body := range map[string]string{
		"chat":        `{"choices":[{"message":{"content":"` + long + `"}}],"usage":{"prompt_tokens":5,"completion_tokens":6},"timings":{"predicted_n":9}}`,
		"usage first": `{"usage":{"prompt_tokens":5,"completion_tokens":6},"data":["` + long + `"]}`,
		"both forms":  `{"usage":{"input_tokens":5,"output_tokens":6,"input_tokens_details":{"cached_tokens":1}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			var tokens metrics.Tokens
			tokens.Whole([]byte(body))
			if in, out := tokens.Count(); in != 5 || out != 6 {
				t.Errorf("counted %d in and %d out", in, out)
			}
		})
	}
}

// BenchmarkChunk is what the metrics cost per token of a stream.
func BenchmarkChunk(b *testing.B) {
	chunk := []byte(event(fmt.Sprintf(`{"choices":[{"finish_reason":null,"index":0,"delta":{"content":" word"}}],"created":1777777777,"id":"chatcmpl-%s","model":"tiny-guide","system_fingerprint":"b7000-0123456789","object":"chat.completion.chunk"}`, strings.Repeat("x", 32))))
	var tokens metrics.Tokens
	b.ReportAllocs()
	for b.Loop() {
		tokens.Chunk(chunk)
	}
}
