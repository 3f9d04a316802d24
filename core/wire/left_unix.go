//go:build unix

package wire

import (
	"net"
	"syscall"
)

// look looks at a socket, takes nothing from it, and does not wait: known is
// false as long as nothing has come. What was sent and not yet read hides the end
// behind it.
func look(c net.Conn) (gone, known bool) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false, false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true, true
	}
	if err := raw.Control(func(fd uintptr) { gone, known = peek(fd) }); err != nil {
		return true, true
	}
	return gone, known
}

// Watch waits until something has come, or the read deadline has: it says whether
// it was the end.
func Watch(c net.Conn) (gone bool) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	err = raw.Read(func(fd uintptr) (known bool) {
		gone, known = peek(fd)
		return known
	})
	return err == nil && gone
}

func peek(fd uintptr) (gone, known bool) {
	var b [1]byte
	for {
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch err {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return false, false
		case nil:
			return n == 0, true
		}
		return true, true
	}
}
