package download_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/download"
)

// TestSpans adds random spans, and compares with a bit for each byte.
func TestSpans(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		const end = 64
		var bits [end]bool
		var all download.Spans
		for range random.IntN(20) {
			from := random.Int64N(end)
			to := from + random.Int64N(end-from+1)
			all = all.With(from, to)
			for i := from; i < to; i++ {
				bits[i] = true
			}
		}
		front, count := int64(-1), int64(0)
		for i, set := range bits {
			if set {
				count++
			} else if front < 0 {
				front = int64(i)
			}
		}
		if front < 0 {
			front = end
		}
		gap, ok := all.Gap(end)
		if !all.Sound(end) || all.Size() != count || all.Front() != front || ok != (count < end) || ok && (gap.From != front || !bits[:][min(gap.To, end-1)] && gap.To != end) {
			t.Fatalf("seed %d: %v: size %d of %d, front %d of %d, gap %v %v", seed, all, all.Size(), count, all.Front(), front, gap, ok)
		}
		for i := gap.From; ok && i < gap.To; i++ {
			if bits[i] {
				t.Fatalf("seed %d: %v: gap %v has byte %d", seed, all, gap, i)
			}
		}
	}
}

// TestBoard lets lanes claim, write, steal and fail at random: in the end each byte
// is there, and none was claimed by two at a time.
func TestBoard(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		end := random.Int64N(400 << 20)
		b := download.NewBoard(end)
		piece := 1 + random.Int64N(64<<20)
		var lanes [5]*download.Claim
		for steps := 0; !b.Whole(); steps++ {
			if steps > 1e6 {
				t.Fatalf("seed %d: it does not end", seed)
			}
			i := random.IntN(len(lanes))
			if lanes[i] == nil {
				lanes[i] = b.Take(piece, 8*piece)
			}
			c := lanes[i]
			left := int64(0)
			if c != nil {
				left = b.Left(c)
			}
			switch {
			case c == nil:
			case left <= 0 || random.IntN(50) == 0:
				b.Drop(c)
				lanes[i] = nil
			default:
				b.Wrote(c, 1+random.Int64N(left))
			}
			if !b.Apart() {
				t.Fatalf("seed %d: claims overlap", seed)
			}
		}
		if got := b.Done(); end > 0 && (len(got) != 1 || got.Front() != end) {
			t.Fatalf("seed %d: of %d bytes there are %v", seed, end, got)
		}
	}
}
