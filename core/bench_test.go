package core_test

import (
	"testing"

	"github.com/enginebay/enginebay/core"
)

// BenchmarkAcquire is what a request of a loaded model costs before and after the
// engine: alone, where the model is idle in between, and from many goroutines.
func BenchmarkAcquire(b *testing.B) {
	h := open(b, core.Limits{KeepAlive: span(1 << 40)}, map[string]string{"any": "", "few": `"settings": {"n_parallel": 1000}`})
	for _, id := range []string{"any", "few"} {
		h.use(id)
		b.Run("alone/"+id, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := h.once(id, core.Ask{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("parallel/"+id, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := h.once(id, core.Ask{}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
