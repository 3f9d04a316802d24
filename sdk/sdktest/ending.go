package sdktest

import (
	"time"
)

// ends: however the program comes to its end, nothing of it is left.
func (w *work) ends(t T) {
	for _, way := range []struct {
		name string
		end  func(*host)
		tidy bool // its sockets are gone too; else the core sweeps them
	}{
		{"SIGTERM", func(h *host) { h.plugin.Terminate() }, true},
		{"lifeline", func(h *host) { h.plugin.HangUp() }, false},
		{"SIGKILL", func(h *host) { kill(h.plugin.Pid()) }, false},
	} {
		t.Run(way.name, func(t T) {
			h := w.configured(t, w.settings, w.secrets)
			before := h.files()
			work := w.use(t, h)
			children := h.look().children
			way.end(h)
			if !h.ended(patience) {
				t.Fatalf("the program did not end within %v", patience)
			}
			gone(t, children, time.Second)
			if left := h.files(); way.tidy && len(left) > len(before) {
				t.Errorf("left in the run folder: %v", left)
			}
			select {
			case <-work: // with or without an error: SIGTERM closes it first
			case <-time.After(patience):
				t.Errorf("a call does not return when the program has ended")
			}
			h.tidy(before)
		})
	}
}

// busy loads the case's model, and waits for it.
func (e *engine) busy(t T, h *host) <-chan error {
	inst := h.loaded(t, e.request(t, h, nil))
	ended := make(chan error, 1)
	go func() { ended <- inst.Wait() }()
	return ended
}
