package egress

import (
	"bytes"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// isOf says whether a process has made a connection, or one that it started.
func isOf(conn net.Conn, owner int) bool { return descends(peer(conn), owner) }

// deepest is how many processes may be between a plugin and who calls for it.
const deepest = 64

// descends says whether a process is another one, or was started by it. One whose parent
// has ended is nobody's.
func descends(pid, from int) bool {
	for range deepest {
		if pid == from {
			return true
		}
		if pid = parent(pid); pid <= 1 {
			break
		}
	}
	return false
}

// peer is the process that has made a connection; 0 where that is not known.
func peer(conn net.Conn) (pid int) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if who, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(who.Pid)
		}
	})
	return pid
}

// parent is the process that has started another; 0 where it is gone.
func parent(pid int) (above int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	var state string
	name := bytes.LastIndexByte(text, ')') // which may have anything in it
	if _, err := fmt.Sscan(string(text[name+1:]), &state, &above); err != nil {
		return 0
	}
	return above
}
