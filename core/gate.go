package core

import (
	"context"
	"fmt"
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
}

func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap returns the coded error.
func (e *RetryError) Unwrap() error { return e.Err }

// retryAfter is when a client whose request found no place may ask again.
const retryAfter = 5 * time.Second

// A gate lets as many requests at an instance as it works on at the same time.
// The others wait, and callers take turns: one who sends a hundred requests does
// not stand before one who sends a single one.
type gate struct {
	slots int // 0 is any number

	mu      sync.Mutex
	busy    int
	waiting int
	lines   []*line // of callers who wait, in the order of their turns
}

// line is what one caller waits with, in the order of arrival.
type line struct {
	caller string
	turns  []chan struct{} // closed when it is their turn
}

// enter waits until there is a slot. It fails when ctx ends, when gone closes
// (errInstanceGone), or when limit others wait already.
func (g *gate) enter(ctx context.Context, gone <-chan struct{}, caller string, limit int) error {
	g.mu.Lock()
	if g.slots == 0 || g.busy < g.slots && g.waiting == 0 {
		g.busy++
		g.mu.Unlock()
		return nil
	}
	if g.waiting >= limit {
		g.mu.Unlock()
		return queueFull(limit)
	}
	turn := make(chan struct{})
	g.queue(caller, turn)
	g.mu.Unlock()
	var err error
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		err = callerLeft(ctx)
	case <-gone:
		err = errInstanceGone
	}
	if !g.withdraw(caller, turn) { // it was its turn just now
		g.leave()
	}
	return err
}

func queueFull(limit int) error {
	return &RetryError{sdk.Errorf(sdk.CodeExhausted, "%d requests wait for this model already; try again in a moment", limit), retryAfter}
}

// errInstanceGone says that the instance ended while a request waited for it.
var errInstanceGone = fmt.Errorf("the instance ended")

// queue is called with mu held.
func (g *gate) queue(caller string, turn chan struct{}) {
	g.waiting++
	for _, l := range g.lines {
		if l.caller == caller {
			l.turns = append(l.turns, turn)
			return
		}
	}
	g.lines = append(g.lines, &line{caller, []chan struct{}{turn}})
}

// withdraw takes back a request that waits, and says whether it still did.
func (g *gate) withdraw(caller string, turn chan struct{}) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, l := range g.lines {
		for j, t := range l.turns {
			if t == turn {
				l.turns = append(l.turns[:j], l.turns[j+1:]...)
				if len(l.turns) == 0 {
					g.lines = append(g.lines[:i], g.lines[i+1:]...)
				}
				g.waiting--
				return true
			}
		}
	}
	return false
}

// leave gives a slot back: to the caller whose turn it is, who then stands last.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting == 0 {
		g.busy--
		return
	}
	l := g.lines[0]
	close(l.turns[0])
	l.turns = l.turns[1:]
	g.waiting--
	g.lines = g.lines[1:]
	if len(l.turns) > 0 {
		g.lines = append(g.lines, l)
	}
}

// counts are the requests that are worked on, and those that wait.
func (g *gate) counts() (busy, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.busy, g.waiting
}
