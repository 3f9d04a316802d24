package core_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/enginebay/enginebay/core"
)

// ended is the number of a process that has ended.
func ended(t *testing.T) int32 {
	t.Helper()
	program := exec.Command(os.Args[0], "-test.run=^$")
	if err := program.Run(); err != nil {
		t.Fatal(err)
	}
	return int32(program.Process.Pid)
}

// developed are the folders of the plugins that are being written.
func developed(home string) (dirs []string) {
	for _, folder := range core.PluginSources(home, nil)[0]() {
		dirs = append(dirs, filepath.Base(folder.Dir))
	}
	return dirs
}

func TestDevEntries(t *testing.T) {
	home, own, other := t.TempDir(), int32(os.Getpid()), int32(os.Getppid())
	enter := func(name string, pid int32) error {
		return core.EnterDev(home, name, core.DevPlugin{Dir: filepath.Join(home, name), Pid: pid})
	}
	for name, pid := range map[string]int32{"gone": ended(t), "a": own, "b": other} {
		if err := enter(name, pid); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(developed(home), " "); got != "a b" {
		t.Errorf("being written are %s", got)
	}
	if err := enter("b", own); err == nil || !strings.Contains(err.Error(), "worked on by process") {
		t.Errorf("what another process has: %v", err)
	}
	if err := enter("gone", own); err != nil {
		t.Errorf("what a process had that ended: %v", err)
	}
	if err := core.LeaveDev(home, own); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(developed(home), " "); got != "b" {
		t.Errorf("left are %s", got)
	}
	if err := core.LeaveDev(home, other); err != nil || len(developed(home)) > 0 {
		t.Errorf("nothing should be left: %v", err)
	}
	if _, err := os.Stat(filepath.Join(home, "plugins", core.DevFile)); err == nil {
		t.Error("the file stays with nothing in it")
	}
}

// TestDevEntryOfANumberThatIsAnothers: after a crash the number of a process is given
// again, and nobody's build goes on running in the place of what is installed.
func TestDevEntryOfANumberThatIsAnothers(t *testing.T) {
	home := t.TempDir()
	if err := core.EnterDev(home, "a", core.DevPlugin{Dir: filepath.Join(home, "a"), Pid: int32(os.Getpid())}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(home, "plugins", core.DevFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]core.DevPlugin
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for name, started := range map[string]int64{"none": 0, "an hour before": all["a"].Started - 3_600_000} {
		entry := all["a"]
		entry.Started = started
		text, err := json.Marshal(map[string]core.DevPlugin{"a": entry})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := developed(home); len(got) > 0 {
			t.Errorf("%s: being written are %v", name, got)
		}
	}
}

// TestDevEntriesAtOnce: several are entered at the same time, and none is lost.
func TestDevEntriesAtOnce(t *testing.T) {
	home := t.TempDir()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			name := string(rune('a' + i))
			if err := core.EnterDev(home, name, core.DevPlugin{Dir: filepath.Join(home, name), Pid: int32(os.Getpid())}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(developed(home)); n != 20 {
		t.Errorf("%d are entered", n)
	}
}
