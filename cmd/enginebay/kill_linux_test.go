package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKill kills the core, a plugin or llama-server with SIGKILL at the worst
// moments, and counts what is left. While the core lives, the next request must
// work, and a stream that broke off must not look whole.
func TestKill(t *testing.T) {
	for _, victim := range []string{"enginebay", "engine-llamacpp", "llama-server"} {
		for _, phase := range []string{"idle", "loading", "streaming"} {
			t.Run(victim+" while "+phase, func(t *testing.T) { testKill(t, victim, phase) })
		}
	}
}

func testKill(t *testing.T, victim, phase string) {
	home := newHome(t)
	if phase == "loading" {
		writeFile(t, filepath.Join(home, "engines/llamacpp.json"), fmt.Sprintf(`{"settings": {"llama_server": %q}}`, slowServer(t, home)))
	}
	b := startServer(t, home)
	t.Cleanup(func() { // a core that is killed leaves its run folder to the next one
		if away, err := os.Readlink(filepath.Join(home, "run", "away")); err == nil {
			os.RemoveAll(away)
		}
	})
	ended := reach(t, b, phase)
	pids := family(b)
	if len(pids) < 3 {
		t.Fatalf("running are only %v", pids)
	}
	if err := syscall.Kill(pids[victim], syscall.SIGKILL); err != nil {
		t.Fatalf("kill %s (%d): %v", victim, pids[victim], err)
	}
	below := []string{victim}
	switch victim {
	case "enginebay":
		below = []string{"enginebay", "engine-llamacpp", "llama-server"}
	case "engine-llamacpp":
		below = []string{"engine-llamacpp", "llama-server"}
	}
	for _, name := range below {
		waitGone(t, name, pids[name])
	}
	if rest := <-ended; phase == "streaming" && (strings.Contains(rest, "[DONE]") || victim != "enginebay" && !strings.Contains(rest, `"error"`)) {
		t.Errorf("the stream that broke off ended with %q", rest[max(0, len(rest)-300):])
	}
	if victim == "enginebay" {
		return
	}
	if phase == "loading" {
		if err := os.Remove(filepath.Join(home, "engines/llamacpp.json")); err != nil {
			t.Fatal(err)
		}
	}
	status, body := b.do("POST", "/v1/chat/completions", question(`"stream":false`))
	if status != 200 || !strings.Contains(body, aboutEngineBay) {
		t.Errorf("the next request: %d %s", status, body)
	}
}

// slowServer is a llama-server that takes ten seconds to start.
func slowServer(t *testing.T, home string) string {
	t.Helper()
	file := filepath.Join(home, "slow", "llama-server")
	real := filepath.Join(build, "plugins/engine-llamacpp/libs/llamacpp/bin/llama-server")
	writeFile(t, file, fmt.Sprintf("#!/bin/sh\ntest \"$1\" = --help || sleep 10\nexec %q \"$@\"\n", real)) // what it can do is asked before
	if err := os.Chmod(file, 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

// reach brings a server into a phase. What is sent is what came of the request
// that is under way then, once it has ended.
func reach(t *testing.T, b *bay, phase string) <-chan string {
	t.Helper()
	ended := make(chan string, 1)
	switch phase {
	case "idle":
		if status, body := b.do("PUT", "/v1/models/tiny-guide/start", ""); status != 200 {
			t.Fatalf("start: %d %s", status, body)
		}
		ended <- ""
	case "loading":
		go func() {
			defer func() { ended <- "" }()
			resp, err := httpPut(b.url + "/v1/models/tiny-guide/start")
			if err == nil {
				resp.Body.Close()
			}
		}()
		b.log.wait(t, "server started", 10*time.Second)
	case "streaming":
		resp := b.open("POST", "/v1/chat/completions", question(`"stream":true,"max_tokens":1900,"ignore_eos":true`))
		lines := bufio.NewScanner(resp.Body)
		lines.Scan()
		_ = syscall.Kill(family(b)["llama-server"], syscall.SIGSTOP) // it shall not end before it is killed
		go func() {
			defer resp.Body.Close()
			var rest strings.Builder
			for lines.Scan() {
				rest.WriteString(lines.Text() + "\n")
			}
			ended <- rest.String()
		}()
	}
	return ended
}

// family are the processes of a server by name.
func family(b *bay) map[string]int {
	pids := map[string]int{"enginebay": b.cmd.Process.Pid}
	for pid, parent := range processes() {
		switch {
		case parent == b.cmd.Process.Pid:
			pids["engine-llamacpp"] = pid
		}
	}
	for pid, parent := range processes() {
		if parent == pids["engine-llamacpp"] && parent != 0 {
			pids["llama-server"] = pid
		}
	}
	return pids
}

// processes are all that run, with their parents.
func processes() map[int]int {
	parents := map[int]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(data), ") ")
		fields := strings.Fields(rest)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if parent, err := strconv.Atoi(fields[1]); err == nil {
			parents[pid] = parent
		}
	}
	return parents
}

// waitGone waits a second for a process to be gone; one that only waits to be
// reaped is gone.
func waitGone(t *testing.T, name string, pid int) {
	t.Helper()
	for deadline := time.Now().Add(time.Second); ; time.Sleep(2 * time.Millisecond) {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if _, rest, _ := strings.Cut(string(data), ") "); err != nil || strings.HasPrefix(rest, "Z") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s (%d) is left a second later", name, pid)
		}
	}
}
