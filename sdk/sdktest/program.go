package sdktest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built are the programs of [Build] by their folder; Main says where they lie.
var built struct {
	sync.Mutex
	dir      string
	programs map[string]string
}

// Program builds the command in a folder, such as the fake of a catalogue, starts
// it, and returns the first lines that it prints, which say where it listens. It
// ends with the test.
func Program(t *testing.T, folder string, lines int, args ...string) []string {
	t.Helper()
	program := exec.Command(Build(t, folder), args...)
	program.Stderr = os.Stderr
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		program.Process.Kill()
		program.Wait()
	})
	var first []string
	for scan := bufio.NewScanner(out); len(first) < lines; {
		if !scan.Scan() {
			t.Fatalf("%s ends after %q: %v", folder, first, scan.Err())
		}
		first = append(first, scan.Text())
	}
	return first
}

// Build builds the command in a folder and returns the program's path: once for all
// tests of a package with [Main], or else for this one.
func Build(t *testing.T, folder string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if path, ok := built.programs[folder]; ok {
		return path
	}
	dir := built.dir
	if dir == "" {
		dir = t.TempDir()
	}
	path := filepath.Join(dir, filepath.Base(folder)+"-program.exe")
	if out, err := exec.Command("go", "build", "-o", path, folder).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", folder, err, out)
	}
	if built.dir != "" {
		built.programs[folder] = path
	}
	return path
}
