package runs_test

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
	"github.com/enginebay/enginebay/core/runs"
)

// said is a bridge to a model that says the same each time, at once.
type said struct {
	bridge
	stream string
}

func (s *said) Chat(context.Context, runs.Chat) (*runs.Answer, error) {
	return &runs.Answer{Stream: io.NopCloser(strings.NewReader(s.stream))}, nil
}

// BenchmarkPieces is what a run costs for each piece of its answer, from the engine's
// chunk to the event as it is sent; allocations are of the same.
func BenchmarkPieces(b *testing.B) {
	db := databasetest.Open(b, database.Config{File: filepath.Join(b.TempDir(), "x.db"), Migrations: conversation.Migrations})
	store, err := conversation.Open(b.Context(), db, nil)
	if err != nil {
		b.Fatal(err)
	}
	var stream strings.Builder
	for range b.N {
		stream.WriteString(`data: {"id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1790000000,"model":"m","system_fingerprint":"b6000","choices":[{"index":0,"delta":{"content":"x"},"logprobs":null,"finish_reason":null}]}` + "\n\n")
	}
	stream.WriteString(`data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n")
	runner := runs.New(runs.Config{Store: store, Bridge: &said{stream: stream.String()}})
	b.Cleanup(runner.Close)
	thread := &conversation.Thread{}
	if err := store.CreateThread(b.Context(), anyone, thread, message("user", "hello")); err != nil {
		b.Fatal(err)
	}
	req, err := runs.ReadRun([]byte(`{"model": "m", "stream": true}`))
	if err != nil {
		b.Fatal(err)
	}
	req.Owner, req.ThreadID, req.Stream = anyone, thread.ID, true
	b.ReportAllocs()
	b.ResetTimer()
	_, events, err := runner.Create(b.Context(), req)
	if err != nil {
		b.Fatal(err)
	}
	for {
		event, ok := events.Next()
		if !ok {
			return
		}
		if _, err := event.Append(make([]byte, 0, 256)); err != nil {
			b.Fatal(err)
		}
	}
}
