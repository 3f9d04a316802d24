package download

import (
	"slices"
	"time"
)

// Hasten makes a client impatient: a stall is that long, journals come so often, and
// retries come at once.
func (c *Client) Hasten(stall, save time.Duration) {
	c.pace = pace{stall: stall, save: save, report: 5 * time.Millisecond, wait: time.Millisecond, waits: 4 * time.Millisecond, tries: 3}
}

type (
	Span  = span
	Spans = spans
	Claim = claim
)

func (s spans) With(from, to int64) Spans        { return s.with(span{from, to}) }
func (s spans) Gap(end int64) (Span, bool)       { return s.gap(end) }
func (s spans) Size() int64                      { return s.size() }
func (s spans) Front() int64                     { return s.front() }
func (s spans) Sound(end int64) bool             { return s.sound(end) }
func NewBoard(end int64) *board                  { return newBoard(end, nil) }
func (b *board) Whole() bool                     { return b.whole() }
func (b *board) Take(piece, window int64) *Claim { return b.take(piece, window) }
func (b *board) Left(c *Claim) int64             { return b.left(c) }
func (b *board) Drop(c *Claim)                   { b.drop(c) }
func (b *board) Wrote(c *Claim, n int64)         { b.wrote(c, n) }
func (b *board) Done() Spans                     { return b.done }

// Apart says whether no byte is claimed twice, or claimed though it is there.
func (b *board) Apart() bool {
	all := slices.Clone(b.done)
	size := all.size()
	for _, c := range b.claims {
		all = all.with(span{c.at, c.end})
		size += c.end - c.at
	}
	return all.size() == size
}
