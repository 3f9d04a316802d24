//go:build unix

package install_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/enginebay/enginebay/core/install"
)

// process is one that installs, and may be killed at a step.
func (w *world) process(text, killed string) *exec.Cmd {
	w.t.Helper()
	exe, err := os.Executable()
	must(w.t, err)
	cmd := exec.Command(exe, text, killed)
	cmd.Env = append(os.Environ(), childEnv+"="+w.home)
	return cmd
}

// TestKilledAtAnyStep: what is there then is the state of before or the state of
// after, whole, and the next process goes on from it and leaves nothing of the killed
// one.
func TestKilledAtAnyStep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		step, want string
	}{
		{"staging", "1.0.0"}, {"downloaded", "1.0.0"}, {"checked", "1.0.0"}, {"sealed", "1.0.0"}, {"tried", "1.0.0"},
		{"tree is in the store", "1.0.0"}, {"lock is prepared", "1.0.0"}, {"switched", "1.1.0"}, {"lock is in place", "1.1.0"},
	} {
		t.Run(c.step, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			site := w.serve()
			w.publish(w.echo("1.0.0"))
			w.install("echo", install.Options{})
			w.publish(w.echo("1.1.0"), w.echo("1.2.0"))
			w.killed("echo@1.1.0", c.step)
			if got := w.current("echo"); got != c.want {
				t.Fatalf("in use is %s", got)
			}
			if _, err := w.installer().Pin(context.Background(), "echo", false); err != nil { // any writer
				t.Fatal(err)
			}
			if l := w.lock().Plugins["acme/echo"].Version; l != c.want || w.current("echo") != c.want {
				t.Errorf("locked is %s, in use %s", l, w.current("echo"))
			}
			w.install("echo@1.2.0", install.Options{})
			if w.current("echo") != "1.2.0" || w.lock().Plugins["acme/echo"].Version != "1.2.0" {
				t.Errorf("%s is current then", w.current("echo"))
			}
			want := map[string]int{"1.0.0": 2, "1.1.0": 3}[c.want]
			if left := w.stored(); len(left) != want {
				t.Errorf("the store has %v", left)
			}
			if files, _ := filepath.Glob(filepath.Join(w.home, "*.next")); len(files) != 0 {
				t.Errorf("left are %v", files)
			}
			site()
		})
	}
}

// killed runs a process that is killed at a step.
func (w *world) killed(text, step string) {
	w.t.Helper()
	out, err := w.process(text, step).CombinedOutput()
	exit, ok := err.(*exec.ExitError)
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		w.t.Fatalf("the process was not killed at %q: %v\n%s", step, err, out)
	}
}

// TestProcessesAtOnce: several processes install into one home, the same and others.
func TestProcessesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.serve()
	defer site()
	names := []string{"echo", "shelf", "box"}
	for _, name := range names {
		w.publish(w.echo("1.0.0").with(func(p *parcel) { p.name = "acme/" + name }), w.echo("1.1.0").with(func(p *parcel) { p.name = "acme/" + name }))
	}
	var wait sync.WaitGroup
	for _, text := range []string{"echo", "echo", "shelf@1.0.0", "shelf", "box", "echo@1.1.0"} {
		cmd := w.process(text, "")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		must(t, cmd.Start())
		wait.Go(func() {
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s: %v\n%s", text, err, &out)
			}
		})
	}
	wait.Wait()
	for _, name := range names {
		got := w.current(name)
		if got != "1.1.0" && name != "shelf" || got == "" || w.lock().Plugins["acme/"+name].Version != got {
			t.Errorf("%s %s is in use, and %s locked", name, got, w.lock().Plugins["acme/"+name].Version)
		}
	}
	if all, err := w.installer().Verify(context.Background(), ""); err != nil || len(all) != 4 {
		t.Errorf("%+v, %v", all, err)
	}
	for _, name := range w.stored() {
		if strings.HasPrefix(name, ".") {
			t.Errorf("%s is left", name)
		}
	}
}
