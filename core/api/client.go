package api

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/enginebay/enginebay/core/wire"
)

// client is a context that ends when a client closes its connection, which
// fasthttp does not notice by itself. Nearly every request asks only for Err,
// ten times a second or never, and that looks at the socket; it is watched by a
// goroutine from when somebody waits for Done.
//
// A client that has sent its next request already is only noticed by a failed write.
type client struct {
	conn net.Conn

	mu   sync.Mutex
	err  error
	done chan struct{} // made by the first who waits
	idle chan struct{} // closed when nobody watches any more
}

// clientContext returns the context of a connection's request. done ends it, and
// must be called before the connection is used for the next request.
func clientContext(conn net.Conn) (ctx context.Context, done func()) {
	c := &client{conn: conn}
	return c, c.end
}

// Deadline implements context.Context.
func (c *client) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value implements context.Context.
func (c *client) Value(any) any { return nil }

// Err implements context.Context.
func (c *client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && wire.Left(c.conn) {
		c.leave()
	}
	return c.err
}

// Done implements context.Context.
func (c *client) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done != nil {
		return c.done
	}
	c.done = make(chan struct{})
	if c.err != nil {
		close(c.done)
		return c.done
	}
	_ = c.conn.SetReadDeadline(time.Time{}) // that of reading the request still stands
	c.idle = make(chan struct{})
	go c.watch()
	return c.done
}

func (c *client) watch() {
	defer close(c.idle)
	if wire.Watch(c.conn) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.leave()
	}
}

// leave ends the context, with mu held.
func (c *client) leave() {
	if c.err == nil {
		c.err = context.Canceled
		if c.done != nil {
			close(c.done)
		}
	}
}

// end ends the context, and the watching.
func (c *client) end() {
	c.mu.Lock()
	c.leave()
	idle := c.idle
	c.mu.Unlock()
	if idle == nil {
		return
	}
	_ = c.conn.SetReadDeadline(time.Unix(1, 0)) // wakes the goroutine
	<-idle
	_ = c.conn.SetReadDeadline(time.Time{})
}
