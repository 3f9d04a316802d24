package core

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// A RetryError is the error of a request that may be sent again after a while: too
// many wait already (its code is [sdk.CodeExhausted]), or there is no room now
// ([sdk.CodeUnavailable]).
type RetryError struct {
	Err   *sdk.Error
	After time.Duration
	Rate  bool // too many came within a minute, and not at the same time
}

func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap returns the coded error.
func (e *RetryError) Unwrap() error { return e.Err }

// retryAfter is when a client whose request found no place may ask again.
const retryAfter = 5 * time.Second

// A gate lets as many requests at an instance as it works on at the same time.
// The others wait, and callers take turns: one who sends a hundred requests does
// not stand before one who sends a single one, and does not take its place in the
// queue either.
type gate struct {
	slots int // 0 is any number
	waits *waits

	mu      sync.Mutex
	busy    int
	waiting int     // more than none only while all slots are busy
	lines   []*line // of callers who wait, in the order of their turns
}

// line is what one caller waits with, in the order of arrival.
type line struct {
	caller string
	turns  []*turn
}

// turn is one request's.
type turn struct {
	come chan struct{} // closed when it has come, or never will
	err  error         // why it never will; set before come is closed
}

// enter waits until there is a slot. It fails when ctx ends, when gone closes
// (errInstanceGone), or when limit others wait already.
func (g *gate) enter(ctx context.Context, gone <-chan struct{}, caller string, limit int) error {
	g.mu.Lock()
	if g.slots == 0 || g.busy < g.slots {
		g.busy++
		g.mu.Unlock()
		return nil
	}
	if g.waiting >= limit && !g.displace(caller, limit) {
		g.mu.Unlock()
		return queueFull(limit)
	}
	t := &turn{come: make(chan struct{})}
	g.queue(caller, t)
	g.mu.Unlock()
	began := time.Now()
	defer func() { g.waits.add(time.Since(began)) }()
	var err error
	select {
	case <-t.come:
		return t.err
	case <-ctx.Done():
		err = callerLeft(ctx)
	case <-gone:
		err = errInstanceGone
	}
	if !g.withdraw(caller, t) && t.err == nil { // it was its turn just now
		g.leave()
	}
	return err
}

func queueFull(limit int) error {
	return &RetryError{Err: sdk.Errorf(sdk.CodeExhausted, "%d requests wait for this model already; try again in a moment", limit), After: retryAfter}
}

// errInstanceGone says that the instance ended while a request waited for it.
var errInstanceGone = errors.New("the instance ended")

// line returns a caller's line, or nil. Called with mu held.
func (g *gate) line(caller string) *line {
	for _, l := range g.lines {
		if l.caller == caller {
			return l
		}
	}
	return nil
}

// queue is called with mu held.
func (g *gate) queue(caller string, t *turn) {
	g.waiting++
	l := g.line(caller)
	if l == nil {
		l = &line{caller: caller}
		g.lines = append(g.lines, l)
	}
	l.turns = append(l.turns, t)
}

// displace turns the last one away of the caller who waits with the most, for one
// who waits with fewer. Called with mu held.
func (g *gate) displace(caller string, limit int) bool {
	longest := slices.MaxFunc(g.lines, func(a, b *line) int { return cmp.Compare(len(a.turns), len(b.turns)) })
	own := 0
	if l := g.line(caller); l != nil {
		own = len(l.turns)
	}
	if len(longest.turns) <= own+1 {
		return false
	}
	last := longest.turns[len(longest.turns)-1]
	g.take(longest, len(longest.turns)-1)
	last.err = queueFull(limit)
	close(last.come)
	return true
}

// take takes a turn out of a line. Called with mu held.
func (g *gate) take(l *line, i int) {
	g.waiting--
	l.turns = slices.Delete(l.turns, i, i+1)
	if len(l.turns) == 0 {
		g.lines = slices.DeleteFunc(g.lines, func(other *line) bool { return other == l })
	}
}

// withdraw takes back a request that waits, and says whether it still did.
func (g *gate) withdraw(caller string, t *turn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.line(caller)
	if l == nil {
		return false
	}
	i := slices.Index(l.turns, t)
	if i < 0 {
		return false
	}
	g.take(l, i)
	return true
}

// leave gives a slot back: to the caller whose turn it is, who then stands last.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting == 0 || g.slots > 0 && g.busy > g.slots {
		g.busy--
		return
	}
	g.next()
}

// next lets the caller in whose turn it is. Called with mu held.
func (g *gate) next() {
	l := g.lines[0]
	close(l.turns[0].come)
	g.lines = append(g.lines[1:], l)
	g.take(l, 0)
}

// resize changes the number of slots; those who are in stay.
func (g *gate) resize(slots int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.slots = slots
	for g.waiting > 0 && (slots == 0 || g.busy < slots) {
		g.busy++
		g.next()
	}
}

// counts are the requests that are worked on, and those that wait.
func (g *gate) counts() (busy, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.busy, g.waiting
}
