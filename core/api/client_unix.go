//go:build unix

package api

import (
	"context"
	"net"
	"syscall"
	"time"
)

// clientContext returns a context that ends when the client closes its
// connection, which fasthttp does not notice by itself: it looks at the socket
// without taking anything from it. done ends the looking, and must be called
// before the connection is used for the next request.
//
// A client that has sent its next request already is only noticed by a failed write.
func clientContext(conn net.Conn) (ctx context.Context, done func()) {
	ctx, cancel := context.WithCancel(context.Background())
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return ctx, cancel
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return ctx, cancel
	}
	_ = conn.SetReadDeadline(time.Time{}) // that of reading the request still stands
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		gone := false
		err := raw.Read(func(fd uintptr) bool {
			var known bool
			gone, known = peek(int(fd))
			return known
		})
		if err == nil && gone {
			cancel()
		}
	}()
	return ctx, func() {
		_ = conn.SetReadDeadline(time.Unix(1, 0)) // wakes the goroutine
		<-looked
		_ = conn.SetReadDeadline(time.Time{})
		cancel()
	}
}

// peek looks at a socket: known is false as long as nothing has come.
func peek(fd int) (gone, known bool) {
	var b [1]byte
	for {
		n, _, err := syscall.Recvfrom(fd, b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
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
