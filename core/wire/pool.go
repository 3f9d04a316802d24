// Package wire speaks HTTP/1.1 to an engine on its socket.
//
// It does what the data path needs of a client and no more, on the goroutine of
// whoever asks: net/http's client hands a request to two further goroutines and
// an answer back through them, which cost more than all the rest of the way
// (measured, of a small request: 65 µs of CPU with it, 27 without).
//
// [Left] and [Watch] look at the connection of a client in the same way as a Pool
// looks at its own: whether the other side has closed it.
package wire

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// lookEvery is how often it is looked whether those who asked are still there.
	lookEvery = 100 * time.Millisecond
	// idleTimeout is how long a connection waits for its next request;
	// llama-server closes it after five seconds, and it keeps a thread there.
	idleTimeout = 3 * time.Second
	maxIdle     = 256
	// rested is how long a connection has been idle before it is looked at when it
	// is taken. Under load none is, and one that ended just now is replaced anyhow.
	rested = time.Millisecond
)

// ErrClosed is what requests end with that were in flight when the pool was closed.
var ErrClosed = errors.New("the connections to the engine were closed")

// A Dial opens a connection.
type Dial func(context.Context) (net.Conn, error)

// Left says whether the other side of a connection has closed it.
func Left(c net.Conn) bool {
	gone, _ := look(c)
	return gone
}

// A Pool is the connections to one socket. All methods may be called concurrently.
type Pool struct {
	dial Dial

	mu     sync.Mutex
	closed bool
	idle   []*conn // the one that was used last stands last
	busy   map[*conn]struct{}
	clock  *time.Timer // calls inspect; runs while there are connections
}

// New makes a pool without connections.
func New(dial Dial) *Pool { return &Pool{dial: dial, busy: map[*conn]struct{}{}} }

// A Request is a POST.
type Request struct {
	Path        string
	ContentType string
	ID          string            // sent as X-Request-Id, if there is one
	Trace       string            // sent as Traceparent, if there is one
	Headers     map[string]string // further ones
	Body        []byte            // is not changed
}

// Do sends a request and returns when the head of the answer has come. Its body
// must be closed, and is not to be used concurrently; each Read returns what has
// arrived, and its method Waits says whether nothing has. When ctx has ended, which is looked at ten times a second by its Err,
// or the pool is closed, the connection is closed: the engine sees that nobody
// waits any more.
//
// A connection that the engine closed while it was idle is no error: a new one is
// made, as long as nothing of an answer has come. It is tried once: an engine that
// worked on the request and then fell looks alike.
func (p *Pool) Do(ctx context.Context, r Request) (*http.Response, error) {
	head, err := r.head()
	if err != nil {
		return nil, err
	}
	for again := false; ; again = true {
		c, used, err := p.take(ctx, again)
		if err != nil {
			return nil, err
		}
		resp, err := c.ask(head, r.Body)
		if err == nil {
			return resp, nil
		}
		err = c.because(err)
		p.drop(c)
		if !used || c.heard || ctx.Err() != nil {
			return nil, err
		}
	}
}

// Close closes all connections; requests in flight break off.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		c.Close()
	}
	for c := range p.busy {
		c.Close()
	}
	p.idle = nil
	if p.clock != nil {
		p.clock.Stop()
	}
}

// take returns a connection, and whether it was used before; fresh wants a new one.
func (p *Pool) take(ctx context.Context, fresh bool) (c *conn, used bool, err error) {
	for !fresh {
		if c, err = p.pop(ctx); err != nil || c == nil {
			break
		}
		if time.Since(c.since) < rested {
			return c, true, nil
		}
		if _, known := look(c.Conn); !known { // neither its end nor what nobody asked for
			return c, true, nil
		}
		p.drop(c)
	}
	if err != nil {
		return nil, false, err
	}
	conn, err := p.dial(ctx)
	if err != nil {
		return nil, false, err
	}
	c = newConn(p, conn)
	if err := p.add(ctx, c); err != nil {
		conn.Close()
		return nil, false, err
	}
	return c, false, nil
}

// pop takes the idle connection that was used last; nil where there is none.
func (p *Pool) pop(ctx context.Context) (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	last := len(p.idle) - 1
	if last < 0 {
		return nil, nil
	}
	c := p.idle[last]
	p.idle = p.idle[:last]
	p.begin(ctx, c)
	return c, nil
}

func (p *Pool) add(ctx context.Context, c *conn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	p.begin(ctx, c)
	switch {
	case p.clock == nil:
		p.clock = time.AfterFunc(lookEvery, p.inspect)
	case len(p.idle)+len(p.busy) == 1:
		p.clock.Reset(lookEvery)
	}
	return nil
}

// begin makes a connection one that works. Called with mu held.
func (p *Pool) begin(ctx context.Context, c *conn) {
	c.ctx, c.heard = ctx, false
	c.turn++
	p.busy[c] = struct{}{}
}

// drop closes a connection.
func (p *Pool) drop(c *conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.busy, c)
}

// put takes a connection back whose answer has been read to its end.
func (p *Pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.busy, c)
	c.ctx = nil
	c.turn++ // who looks at it now is late
	if p.closed || len(p.idle) == maxIdle {
		c.Close()
		return
	}
	c.since = time.Now()
	p.idle = append(p.idle, c)
}

// inspect closes the connections of those who left, and what was idle for too long.
func (p *Pool) inspect() {
	for _, w := range p.working() {
		if w.ctx.Err() == nil {
			continue
		}
		p.mu.Lock()
		if w.turn == w.conn.turn {
			w.conn.Close()
		}
		p.mu.Unlock()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	old := 0
	for old < len(p.idle) && time.Since(p.idle[old].since) > idleTimeout {
		p.idle[old].Close()
		old++
	}
	p.idle = append(p.idle[:0], p.idle[old:]...)
	if len(p.idle)+len(p.busy) > 0 {
		p.clock.Reset(lookEvery)
	}
}

// work is a connection in one of its turns.
type work struct {
	conn *conn
	turn uint64
	ctx  context.Context
}

func (p *Pool) working() []work {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]work, 0, len(p.busy))
	for c := range p.busy {
		all = append(all, work{c, c.turn, c.ctx})
	}
	return all
}
