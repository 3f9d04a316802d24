package sdktest

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

// node is a check, or a part of one, that runs: a T.
type node struct {
	ctx         context.Context
	name, about string
	begun       time.Time

	mu       sync.Mutex
	took     time.Duration
	failed   bool
	faults   []string
	notes    []string
	skipped  string
	log      []string
	cleanups []func()
	parts    []*node
}

// do runs the check and then its cleanups, the last one first.
func (n *node) do(check func(T)) {
	ctx, cancel := context.WithCancel(n.ctx)
	n.ctx = ctx
	n.guarded(func() { check(n) })
	cancel()
	for {
		n.mu.Lock()
		if len(n.cleanups) == 0 {
			n.took = time.Since(n.begun)
			n.mu.Unlock()
			return
		}
		last := n.cleanups[len(n.cleanups)-1]
		n.cleanups = n.cleanups[:len(n.cleanups)-1]
		n.mu.Unlock()
		n.guarded(last)
	}
}

// guarded runs f to its end, which Fatalf and Skipf make too, in a goroutine of its own:
// they end whichever they are called in. A panic is a fault of the suite itself.
func (n *node) guarded(f func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if r := recover(); r != nil {
				n.Errorf("the check itself has a fault: %v\n%s", r, debug.Stack())
			}
		}()
		f()
	}()
	<-ended
}

// Run implements T.
func (n *node) Run(name string, part func(T)) bool {
	child := &node{ctx: n.ctx, name: n.name + "/" + strings.ReplaceAll(name, " ", "_"), begun: time.Now()}
	n.mu.Lock()
	n.parts = append(n.parts, child)
	n.mu.Unlock()
	child.do(part)
	if child.Failed() {
		n.mu.Lock()
		n.failed = true
		n.mu.Unlock()
		return false
	}
	return true
}

// Context implements T.
func (n *node) Context() context.Context { return n.ctx }

// Cleanup implements T.
func (n *node) Cleanup(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cleanups = append(n.cleanups, f)
}

// Failed implements T.
func (n *node) Failed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.failed
}

// Helper implements T.
func (n *node) Helper() {}

// Logf implements T.
func (n *node) Logf(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, fmt.Sprintf(format, args...))
}

// Errorf implements T.
func (n *node) Errorf(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failed = true
	n.faults = append(n.faults, fmt.Sprintf(format, args...))
}

// Fatalf implements T.
func (n *node) Fatalf(format string, args ...any) {
	n.Errorf(format, args...)
	runtime.Goexit()
}

// Skipf implements T.
func (n *node) Skipf(format string, args ...any) {
	n.mu.Lock()
	n.skipped = fmt.Sprintf(format, args...)
	n.mu.Unlock()
	runtime.Goexit()
}

// lastWords keeps what the plugin said last.
func (n *node) lastWords(lines []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.log = lines
}

func (n *node) result() Result {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := Result{Name: n.name, About: n.about, Verdict: Passed, Took: n.took, Millis: n.took.Milliseconds(),
		Faults: slices.Clone(n.faults), Notes: slices.Clone(n.notes), Skipped: n.skipped, Log: n.log}
	for _, part := range n.parts {
		r.Parts = append(r.Parts, part.result())
	}
	switch {
	case n.failed:
		r.Verdict = Failed
	case n.skipped != "" || len(r.Parts) > 0 && !slices.ContainsFunc(r.Parts, func(p Result) bool { return p.Verdict != Skipped }):
		r.Verdict = Skipped
	}
	return r
}
