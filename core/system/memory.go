package system

import (
	"bufio"
	"bytes"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/mem"
)

// Memory is [Memory] of a machine.
func (m *machine) Memory() (total, available uint64) {
	if all, err := mem.VirtualMemory(); err == nil {
		total, available = all.Total, all.Available
	}
	for _, g := range m.groups() {
		limit, ok := m.number(g.dir, g.names.limit)
		if !ok || limit >= total { // version 1 says "no limit" by a number beyond every memory
			continue
		}
		total = limit
		used, _ := m.number(g.dir, g.names.used)
		used -= min(used, m.cached(g)) // pages of files go when memory is wanted
		available = min(available, limit-min(limit, used))
	}
	return total, min(available, total)
}

// group is one control group that limits memory.
type group struct {
	dir   string
	names groupNames
}

// groupNames are the files of a control group.
type groupNames struct{ limit, used, inactive string }

var (
	version1 = groupNames{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
	version2 = groupNames{"memory.max", "memory.current", "inactive_file"}
)

// groups returns the control groups that this process is in, with those above
// them: each may set a limit. A container often sees its own as the topmost one,
// whatever path it is told.
func (m *machine) groups() []group {
	text, err := fs.ReadFile(m.root, "proc/self/cgroup")
	if err != nil {
		return nil
	}
	var all []group
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(fields) != 3:
		case fields[0] == "0" && fields[1] == "":
			all = append(all, upwards("sys/fs/cgroup", fields[2], version2)...)
			all = append(all, upwards("sys/fs/cgroup/unified", fields[2], version2)...)
		case strings.Contains(","+fields[1]+",", ",memory,"):
			all = append(all, upwards("sys/fs/cgroup/memory", fields[2], version1)...)
		}
	}
	return all
}

func upwards(mount, below string, names groupNames) []group {
	var all []group
	for below = path.Clean("/" + below); ; below = path.Dir(below) {
		all = append(all, group{path.Join(mount, below), names})
		if below == "/" {
			return all
		}
	}
}

// number reads a file that holds one number; "max" is none.
func (m *machine) number(dir, name string) (uint64, bool) {
	text, err := fs.ReadFile(m.root, path.Join(dir, name))
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	return n, err == nil
}

// cached is what of a group's memory can be had back.
func (m *machine) cached(g group) uint64 {
	text, _ := fs.ReadFile(m.root, path.Join(g.dir, "memory.stat"))
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), g.names.inactive+" "); ok {
			n, _ := strconv.ParseUint(value, 10, 64)
			return n
		}
	}
	return 0
}
