package sdktest

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/goleak"
)

// settle is how long what was closed may take to be gone.
const settle = 3 * time.Second

// remains are what a plugin holds at one time: files in its run folder, child
// processes (on Linux), goroutines (in process).
type remains struct {
	files      []string
	children   []child
	goroutines goleak.Option
}

func (h *host) look() remains {
	r := remains{files: h.files(), goroutines: goleak.IgnoreCurrent()}
	if h.plugin != nil {
		r.children = descendants(h.plugin.Pid())
	} else {
		r.children = descendants(os.Getpid())
	}
	return r
}

func (h *host) files() []string {
	names, _ := filepath.Glob(filepath.Join(h.run, "*"))
	return names
}

// tidy removes what the plugin could not: the core sweeps the run folder too.
func (h *host) tidy(before []string) {
	for _, f := range h.files() {
		if !slices.Contains(before, f) {
			_ = os.Remove(f)
		}
	}
}

// same waits until the plugin holds no more than it did.
func (r remains) same(t T, h *host) {
	t.Helper()
	soon(t, "files are left in the run folder", settle, func() []string {
		return slices.DeleteFunc(h.files(), func(f string) bool { return slices.Contains(r.files, f) })
	})
	soon(t, "processes are left", settle, func() []child {
		return r.newer(h.look().children)
	})
	if h.plugin == nil {
		if err := goleak.Find(r.goroutines, forks); err != nil {
			t.Errorf("goroutines are left: %v", err)
		}
	}
}

// newer are those of the children that were not there before.
func (r remains) newer(children []child) []child {
	return slices.DeleteFunc(children, func(c child) bool { return slices.Contains(r.children, c) })
}

// gone waits until processes have ended, and kills those that do not.
func gone(t T, children []child, within time.Duration) {
	t.Helper()
	soon(t, "processes are left", within, func() []child {
		children = slices.DeleteFunc(children, func(c child) bool { return !c.alive() })
		return children
	})
	for _, c := range children {
		c.kill()
	}
}

// soon waits until nothing is left of what left returns. Neither files nor other
// people's processes announce their end.
func soon[E any](t T, fault string, within time.Duration, left func() []E) {
	t.Helper()
	deadline := time.Now().Add(within)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		rest := left()
		if len(rest) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s after %v: %v", fault, within, rest)
			return
		}
		<-tick.C
	}
}
