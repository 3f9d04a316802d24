package pluginhost_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A core that is killed leaves nothing, whether its plugins run or are starting.
func TestAKilledCoreLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]string{
		"a plugin and its own child":                        "owned",
		"a plugin that does not look at its standard input": "orphan",
	} {
		t.Run(name, func(t *testing.T) {
			core := exec.Command(os.Args[0], home(t), how)
			core.Env = append(os.Environ(), hostEnv+"="+plugins)
			out, err := core.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := core.Start(); err != nil {
				t.Fatal(err)
			}
			defer core.Wait()
			defer core.Process.Kill()
			pids := told(t, out, how == "owned")
			for _, pid := range pids {
				if gone(pid) {
					t.Errorf("%d does not even live", pid)
				}
			}
			if err := core.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			for _, pid := range pids {
				eventually(t, time.Second, "the end of all", func() bool { return gone(pid) })
			}
		})
	}
}

// told reads the pids of a plugin's child, and of the plugin where it comes up, from the core's log.
func told(t *testing.T, log interface{ Read([]byte) (int, error) }, up bool) []int {
	t.Helper()
	var pids []int
	started := !up
	for scanner := bufio.NewScanner(log); scanner.Scan(); {
		var entry struct {
			Message string `json:"@message"`
			Pid     int
		}
		_ = json.Unmarshal(scanner.Bytes(), &entry)
		if child, ok := strings.CutPrefix(entry.Message, "child "); ok {
			pid, err := strconv.Atoi(child)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
		if entry.Message == "plugin started" {
			pids, started = append(pids, entry.Pid), true
		}
		if started && len(pids) > 0 && (!up || len(pids) == 2) {
			return pids
		}
	}
	t.Fatal("the core ended")
	return nil
}

// Without the kernel's help a plugin still sees that its core is gone: the pipe
// on its standard input ends.
func TestAPluginEndsWithItsLifeline(t *testing.T) {
	t.Parallel()
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	plugin := exec.Command(filepath.Join(plugins, "echo", "bin", "engine-echo"))
	plugin.Env = []string{"ENGINEBAY_PLUGIN=enginebay.plugin.v1", "ENGINEBAY_LIFELINE=stdin",
		"PLUGIN_PROTOCOL_VERSIONS=1", "TMPDIR=" + home(t)}
	plugin.Stdin = theirs
	out, err := plugin.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := plugin.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	defer plugin.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "1|1|unix|") {
		t.Fatalf("it greets with %q, %v", line, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- plugin.Wait() }()
	ours.Close()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Second):
		t.Error("it lives on")
		plugin.Process.Kill()
		<-ended
	}
}
