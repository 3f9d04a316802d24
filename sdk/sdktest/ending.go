package sdktest

import (
	"testing"
	"time"
)

// ends: however the program comes to its end, nothing of it is left.
func (e *engine) ends(t *testing.T) {
	for _, way := range []struct {
		name   string
		end    func(*host)
		within time.Duration // for its children, after its own end
		tidy   bool          // its sockets are gone too
	}{
		{"SIGTERM", func(h *host) { h.child.Terminate() }, time.Second, true},
		{"lifeline", func(h *host) { h.hangUp() }, time.Second, false},
		{"SIGKILL", func(h *host) { kill(h.child.Pid()) }, time.Second, false},
	} {
		t.Run(way.name, func(t *testing.T) {
			h := e.up(t)
			before := h.files()
			inst := h.loaded(t, e.request(t, h, nil))
			children := h.look().children
			ended := make(chan error, 1)
			go func() { ended <- inst.Wait() }()
			way.end(h)
			if !h.ended(patience) {
				t.Fatalf("the program did not end within %v", patience)
			}
			gone(t, children, way.within)
			if left := h.files(); way.tidy && len(left) > len(before) {
				t.Errorf("left in the run folder: %v", left)
			}
			select {
			case <-ended: // with or without an error: SIGTERM closes it first
			case <-time.After(patience):
				t.Error("Wait does not return when the program has ended")
			}
			h.tidy(before)
		})
	}
}
