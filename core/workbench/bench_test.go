package workbench_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/workbench"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// manifest is that of a plugin whose program is a copy of source.txt.
const manifest = `{"name": "acme/thing", "version": "1.0.0", "kinds": ["engine"], "entry": "bin/thing", "build": ["sh", "build.sh"]}`

const script = `set -e
if grep -q broken source.txt; then echo "source.txt:1: it is broken"; exit 1; fi
mkdir -p bin libs
cp source.txt bin/thing
chmod +x bin/thing
date +%s%N > libs/when
`

// work is a bench with the plugin on it.
type work struct {
	*workbench.Bench
	t      *testing.T
	builds chan workbench.Build
	accept chan bool // whether the next build is accepted
}

// begin runs a bench until the end of the test.
func begin(t *testing.T, files map[string]string) *work {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the plugin of this test is built by a shell")
	}
	w := &work{&workbench.Bench{Dir: t.TempDir(), Builds: filepath.Join(t.TempDir(), "builds")}, t, make(chan workbench.Build), make(chan bool, 1)}
	for name, text := range files {
		w.write(name, text)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- w.Run(ctx, func(_ context.Context, b workbench.Build, accept func()) {
			if <-w.accept {
				accept()
			}
			w.builds <- b
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := w.Sweep(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(w.Builds); err == nil {
			t.Error("the builds were left behind")
		}
	})
	return w
}

func plugin() map[string]string {
	return map[string]string{"plugin.json": manifest, "build.sh": script, "source.txt": "one"}
}

func (w *work) write(name, text string) {
	w.t.Helper()
	file := filepath.Join(w.Dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// next is the build that comes next.
func (w *work) next(accept bool) workbench.Build {
	w.t.Helper()
	w.accept <- accept
	select {
	case b := <-w.builds:
		return b
	case <-time.After(patience):
		w.t.Fatal("nothing is built")
		panic("not reached")
	}
}

// holds says whether a build is there, with a program.
func holds(b workbench.Build, program string) bool {
	text, err := os.ReadFile(filepath.Join(b.Dir, "bin/thing"))
	return err == nil && string(text) == program
}

func TestBuildsAgain(t *testing.T) {
	w := begin(t, plugin())
	first := w.next(true)
	if first.Err != nil || first.Changed != "" || first.Short() != "thing" || !holds(first, "one") {
		t.Fatalf("the first build: %+v", first)
	}
	if info, err := os.Stat(filepath.Join(first.Dir, "bin/thing")); err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Errorf("the program cannot be run: %v", err)
	}
	w.write("source.txt", "broken")
	broken := w.next(false)
	if broken.Err == nil || !strings.Contains(broken.Err.Error(), "source.txt:1: it is broken") || broken.Dir != "" {
		t.Errorf("a broken source: %+v", broken)
	}
	var last workbench.Build
	for _, program := range []string{"two", "three", "four"} {
		w.write("source.txt", program)
		b := w.next(false)
		if b.Err != nil || b.Changed != "source.txt" || !holds(b, program) {
			t.Fatalf("%s: %+v", program, b)
		}
		if last.Dir != "" && !holds(last, "two") && !holds(last, "three") {
			t.Errorf("the build before %s is gone, and the server may be about to take it", program)
		}
		last = b
	}
	if !holds(first, "one") {
		t.Error("the build that was accepted is gone or changed")
	}
	if builds, err := os.ReadDir(w.Builds); err != nil || len(builds) != 3 {
		t.Errorf("%d builds are kept, %v; want the accepted one and the last two", len(builds), err)
	}
}

// TestWhatDoesNotCount: builds write among the sources, and so do others.
func TestWhatDoesNotCount(t *testing.T) {
	w := begin(t, plugin())
	w.next(true)
	w.write(".git/HEAD", "main")
	w.write("node_modules/x/index.js", "x")
	w.write("libs/when", "never")
	w.write("source.txt~", "of an editor")
	w.write("deep/new/file.txt", "x")
	if b := w.next(true); b.Changed != "deep/new/file.txt" {
		t.Errorf("built because of %q", b.Changed)
	}
	w.write("deep/new/file.txt", "y")
	if b := w.next(true); b.Changed != "deep/new/file.txt" {
		t.Errorf("built because of %q", b.Changed)
	}
	if err := os.RemoveAll(filepath.Join(w.Dir, "deep")); err != nil {
		t.Fatal(err)
	}
	if b := w.next(true); b.Changed != "deep/new/file.txt" {
		t.Errorf("built because of %q", b.Changed)
	}
}

func TestWhatCannotBeBuilt(t *testing.T) {
	for name, test := range map[string]struct{ manifest, want string }{
		"no manifest":     {"", "plugin.json"},
		"wrong manifest":  {`{"name": 1}`, "plugin.json"},
		"no such command": {strings.Replace(manifest, `"sh", "build.sh"`, `"no-such-command"`, 1), "no-such-command"},
		"no program":      {strings.Replace(manifest, `bin/thing`, `bin/other`, 1), "the build made no bin/other"},
		"silent":          {strings.Replace(manifest, `"sh", "build.sh"`, `"false"`, 1), "exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			files := plugin()
			files["plugin.json"] = test.manifest
			if test.manifest == "" {
				delete(files, "plugin.json")
			}
			w := begin(t, files)
			if b := w.next(false); b.Err == nil || !strings.Contains(b.Err.Error(), test.want) {
				t.Errorf("got %+v", b)
			}
			w.write("plugin.json", manifest)
			if b := w.next(false); b.Err != nil {
				t.Errorf("mended: %v", b.Err)
			}
		})
	}
}
