package sdktest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// child is a process; its start time tells it from a later one of the same id.
type child struct {
	pid   int
	name  string
	start string
}

func (c child) String() string { return fmt.Sprintf("%s (process %d)", c.name, c.pid) }

// alive says whether the process still runs.
func (c child) alive() bool {
	now, _, ok := stat(c.pid)
	return ok && now.start == c.start
}

func (c child) kill() { _ = syscall.Kill(c.pid, syscall.SIGKILL) }

// command is the command line of the process, as everybody can read it.
func (c child) command() string { return command(c.pid) }

func command(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.ReplaceAll(string(data), "\x00", " ")
}

// descendants are the living processes below one, itself left out.
func descendants(pid int) []child {
	parents := map[int][]child{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		id, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if c, parent, ok := stat(id); ok {
			parents[parent] = append(parents[parent], c)
		}
	}
	var all []child
	for queue := parents[pid]; len(queue) > 0; queue = queue[1:] {
		all = append(all, queue[0])
		queue = append(queue, parents[queue[0].pid]...)
	}
	return all
}

// stat reads /proc/PID/stat: "42 (the name) S 1 …", proc_pid_stat(5). A zombie
// has ended.
func stat(pid int) (c child, parent int, ok bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return c, 0, false
	}
	open, end := strings.IndexByte(string(data), '('), strings.LastIndexByte(string(data), ')')
	if open < 0 || end < open {
		return c, 0, false
	}
	fields := strings.Fields(string(data[end+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return c, 0, false
	}
	parent, _ = strconv.Atoi(fields[1])
	return child{pid: pid, name: string(data[open+1 : end]), start: fields[19]}, parent, true
}

// used reads what a process holds: proc_pid_fd(5), and proc_pid_statm(5), which
// counts pages.
func used(pid int) (u usage) {
	open, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	u.files = len(open)
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	var size, resident, shared int
	if _, err := fmt.Sscan(string(data), &size, &resident, &shared); err == nil {
		u.memory = (resident - shared) * os.Getpagesize()
	}
	return u
}
