package sdktest

import (
	"fmt"
	"runtime"
	"time"
)

// What leaks is seen after many rounds only. The first ones fill caches and pools, and
// do not count; a runtime that collects garbage takes its time, and some more.
const (
	rounds     = 100
	longest    = time.Minute // for the rounds; at least twenty are made
	moreFiles  = 3           // open files, which others open and close for themselves
	moreMemory = 16 << 20    // bytes, and a quarter of what it had
)

// leaks: a server runs for months.
func (w *work) leaks(t T) {
	if runtime.GOOS != "linux" {
		t.Skipf("only Linux shows what a process holds")
	}
	h := w.configured(t, w.settings, w.secrets)
	n := w.Rounds
	if n == 0 {
		n = rounds
	}
	warm, begun := max(n/5, 2), time.Now()
	var before remains
	var base usage
	made := 0
	for ; made < n && (made < 20 || time.Since(begun) < longest); made++ {
		if made == warm {
			before, base = h.look(), used(h.plugin.Pid())
		}
		if err := w.round(t, h); err != nil {
			t.Fatalf("round %d of %d: %v", made+1, n, err)
		}
	}
	before.same(t, h)
	soon(t, fmt.Sprintf("open files are left after %d rounds", made-warm), settle, func() []string {
		if now := used(h.plugin.Pid()); now.files > base.files+moreFiles {
			return []string{fmt.Sprintf("%d, and %d before", now.files, base.files)}
		}
		return nil
	})
	now := used(h.plugin.Pid())
	if now.memory > base.memory+base.memory/4+moreMemory {
		t.Errorf("it has %d MiB of memory after %d rounds, and had %d before", now.memory>>20, made-warm, base.memory>>20)
	}
	t.Logf("%d rounds in %v: from %d to %d open files, from %.1f to %.1f MiB", made, time.Since(begun).Round(time.Second),
		base.files, now.files, float64(base.memory)/(1<<20), float64(now.memory)/(1<<20))
}

// usage is what a process holds.
type usage struct {
	files  int
	memory int // bytes of its own
}
