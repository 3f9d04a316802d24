package api

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core"
)

// stream passes a server-sent stream from the engine to the client. fasthttp
// reads it on the connection's own goroutine and flushes what each Read
// returns, so a token waits for nothing.
//
// When the engine breaks off, the client gets an event that says so, and no
// [DONE]. When the client leaves, fasthttp's write fails, it closes the stream,
// and the engine's connection is closed in turn.
type stream struct {
	ctx   context.Context // ends when the client has left
	conn  net.Conn
	lease *core.Lease
	op    operation
	body  io.ReadCloser
	log   hclog.Logger
	end   func()
	once  sync.Once

	tail []byte // an event still to be sent after the engine broke off
	over bool
}

// Read implements io.Reader. A panic on this goroutine would end the process.
func (s *stream) Read(p []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("panic", "value", fmt.Sprint(r), "stack", string(debug.Stack()))
			n, err = 0, io.ErrUnexpectedEOF
		}
	}()
	if len(s.tail) > 0 {
		n = copy(p, s.tail)
		s.tail = s.tail[n:]
		return n, nil
	}
	if s.over {
		return 0, io.EOF
	}
	n, err = s.body.Read(p)
	if err != nil && s.ctx.Err() != nil {
		s.log.Debug("client left", "error", err)
		return 0, err
	}
	if err != nil && err != io.EOF {
		s.log.Warn("a stream was broken off", "model", s.lease.Model(), "error", err)
		s.tail = s.op.breakOff(translate(broken(s.ctx, s.lease, err)))
		s.over, err = true, nil
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(chunkTimeout))
	return n, err
}

// Close implements io.Closer; fasthttp calls it at every end.
func (s *stream) Close() error {
	s.once.Do(func() {
		s.end()
		s.body.Close()
		_ = s.conn.SetWriteDeadline(time.Time{})
	})
	return nil
}
