package download

import (
	"math"
	"slices"
	"sync"
)

const (
	// least is the smallest piece that is worth a request, and what is not stolen
	// any more.
	least = 2 << 20
	// unknown is the end of a file whose length nobody told.
	unknown = math.MaxInt64
)

// A claim is bytes that one connection is fetching: those from at to before end.
type claim struct{ at, end int64 }

// A board is what everybody who works on a file looks at: which bytes are there,
// who fetches which, and what is left. Claims are handed out from the front, so
// that the hash can follow; who finds nothing takes half of what another has
// before it.
type board struct {
	mu     sync.Mutex
	end    int64 // of the file
	done   spans // that are written
	total  int64 // bytes in done
	claims []*claim
	grown  chan struct{} // has one in it when the front may have moved
}

func newBoard(end int64, done spans) *board {
	return &board{end: end, done: done, total: done.size(), grown: make(chan struct{}, 1)}
}

// take claims the next bytes, at most piece of them; nil when nothing is left to
// take. Nobody runs further ahead of the front than window: there a slow
// connection is helped instead.
func (b *board) take(piece, window int64) *claim {
	b.mu.Lock()
	defer b.mu.Unlock()
	free, ok := b.free()
	if !ok {
		return b.steal(func(c, than *claim) bool { return c.end-c.at > than.end-than.at })
	}
	if free.From-b.done.front() >= window {
		if c := b.steal(func(c, than *claim) bool { return c.at < than.at }); c != nil {
			return c
		}
	}
	return b.put(&claim{free.From, free.From + min(piece, free.size())})
}

// takeAhead is take without taking from others.
func (b *board) takeAhead(piece, window int64) *claim {
	b.mu.Lock()
	defer b.mu.Unlock()
	free, ok := b.free()
	if !ok || free.From-b.done.front() >= window {
		return nil
	}
	return b.put(&claim{free.From, free.From + min(piece, free.size())})
}

// free are the first bytes that nobody has and nobody fetches.
func (b *board) free() (span, bool) {
	taken := slices.Clone(b.done)
	for _, c := range b.claims {
		taken = taken.with(span{c.at, c.end})
	}
	return taken.gap(b.end)
}

func (b *board) put(c *claim) *claim {
	b.claims = append(b.claims, c)
	return c
}

// steal takes the second half of the claim that comes before all others.
func (b *board) steal(before func(c, than *claim) bool) *claim {
	var from *claim
	for _, c := range b.claims {
		if from == nil || before(c, from) {
			from = c
		}
	}
	if from == nil || from.end-from.at < 2*least || from.end == unknown {
		return nil
	}
	half := from.at + (from.end-from.at)/2
	c := &claim{half, from.end}
	from.end = half
	return b.put(c)
}

// left is what a claim still has before it; others make it less.
func (b *board) left(c *claim) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return c.end - c.at
}

// wrote says that the next n bytes of a claim are in the partial; total is how many there are now.
func (b *board) wrote(c *claim, n int64) (total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	front := b.done.front()
	b.done = b.done.with(span{c.at, c.at + n})
	c.at += n
	b.total = b.done.size()
	if b.done.front() > front {
		select {
		case b.grown <- struct{}{}:
		default:
		}
	}
	return b.total
}

// drop ends a claim, whether all of it was fetched or not.
func (b *board) drop(c *claim) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.claims = slices.DeleteFunc(b.claims, func(other *claim) bool { return other == c })
}

// close says that a file of unknown length ends where a claim is now.
func (b *board) close(c *claim) (end int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.end, b.end = c.at, c.at
	return b.end
}

// state is where the file ends, the spans that are written, and their sum.
func (b *board) state() (end int64, done spans, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.end, slices.Clone(b.done), b.total
}

// front is how far the file is there from its beginning on.
func (b *board) front() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done.front()
}

// missing is what is still to be written; 0 where the length is not known.
func (b *board) missing() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.end == unknown {
		return 0
	}
	return b.end - b.total
}

// reset forgets all bytes, and all claims but one, which begins again.
func (b *board) reset(end int64, keep *claim) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end, b.done, b.total, b.claims = end, nil, 0, nil
	if keep != nil {
		keep.at, keep.end = 0, min(keep.end, end)
		b.put(keep)
	}
}

// whole says whether all of it is there.
func (b *board) whole() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total == b.end
}

// empty says whether there is nothing yet.
func (b *board) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total == 0
}
