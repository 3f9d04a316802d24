package metrics_test

import (
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/metrics"
)

// BenchmarkEnded is what the metrics cost per request.
func BenchmarkEnded(b *testing.B) {
	runtime, err := core.Open(core.Config{Home: b.TempDir(), Log: hclog.NewNullLogger()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(runtime.Close)
	m := metrics.New(runtime, "test")
	key := metrics.Key{Method: "POST", Route: "/v1/chat/completions", Model: "tiny-guide"}
	answer := metrics.Answer{Status: 200, Took: time.Second, First: 30 * time.Millisecond, Input: 20, Output: 100}
	ask := func(b *testing.B, more func() bool) {
		for more() {
			m.Began()
			m.Ended(key, answer)
		}
	}
	b.Run("one", func(b *testing.B) { b.ReportAllocs(); ask(b, b.Loop) })
	b.Run("parallel", func(b *testing.B) { b.RunParallel(func(pb *testing.PB) { ask(b, pb.Next) }) })
}
