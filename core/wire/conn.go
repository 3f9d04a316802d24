package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bufferSize is that of a connection's reader; the head of an answer must fit in.
const bufferSize = 8 << 10

// conn is one connection. It is idle, or works on one request.
type conn struct {
	net.Conn
	pool  *Pool
	in    *bufio.Reader
	since time.Time // idle since
	parts [2][]byte // of the request that is sent
	out   net.Buffers

	ctx   context.Context // of the request that it works on
	turn  uint64          // counts the beginnings and ends of its requests
	heard bool            // something of the answer has come
}

func newConn(p *Pool, c net.Conn) *conn {
	return &conn{Conn: c, pool: p, in: bufio.NewReaderSize(c, bufferSize)}
}

// head is what stands before the body.
func (r Request) head() ([]byte, error) {
	b := make([]byte, 0, 256)
	b = append(b, "POST "...)
	b = append(b, r.Path...)
	b = append(b, " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: enginebay\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(r.Body)), 10)
	b, err := appendHeader(append(b, "\r\n"...), "Content-Type", r.ContentType)
	if err == nil && r.Trace != "" {
		b, err = appendHeader(b, "Traceparent", r.Trace)
	}
	if err == nil && r.ID != "" {
		b, err = appendHeader(b, "X-Request-Id", r.ID)
	}
	for name, value := range r.Headers {
		if err == nil {
			b, err = appendHeader(b, name, value)
		}
	}
	return append(b, "\r\n"...), err
}

func appendHeader(b []byte, name, value string) ([]byte, error) {
	if strings.ContainsAny(name, "\r\n: ") || strings.ContainsAny(value, "\r\n") {
		return nil, fmt.Errorf("the header %q cannot be sent", name)
	}
	return append(append(append(append(b, name...), ": "...), value...), "\r\n"...), nil
}

// ask sends a request, head and body in one go, and reads the head of the answer.
// An engine may answer before it has read all, and close.
func (c *conn) ask(head, body []byte) (*http.Response, error) {
	c.parts = [2][]byte{head, body}
	c.out = c.parts[:]
	_, failed := c.out.WriteTo(c.Conn)
	c.parts = [2][]byte{}
	if failed != nil {
		h, err := c.readHead()
		if err != nil {
			return nil, failed
		}
		h.close = true
		return c.answer(h), nil
	}
	h, err := c.readHead()
	if err != nil {
		return nil, err
	}
	return c.answer(h), nil
}

// readHead reads the head of the answer; those before it that only say that it
// comes (1xx) are passed over.
func (c *conn) readHead() (head, error) {
	const enough = 8
	for range enough {
		raw, err := c.rawHead()
		if err != nil {
			return head{}, err
		}
		h, err := parse(raw)
		if err != nil {
			return head{}, err
		}
		_, _ = c.in.Discard(len(raw))
		if h.status >= 200 {
			return h, nil
		}
		if h.status == http.StatusSwitchingProtocols {
			break
		}
	}
	return head{}, malformed("it does not come to its status")
}

// rawHead waits until the head has come, and leaves it in the buffer.
func (c *conn) rawHead() ([]byte, error) {
	for {
		seen, _ := c.in.Peek(c.in.Buffered())
		if n := endOfHead(seen); n > 0 {
			return seen[:n], nil
		}
		if len(seen) == bufferSize {
			return nil, malformed("its head is larger than " + strconv.Itoa(bufferSize) + " bytes")
		}
		_, err := c.in.Peek(len(seen) + 1)
		c.heard = c.heard || c.in.Buffered() > 0
		if err == io.EOF && c.heard {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
	}
}

// answer is the answer whose head has come. A body that is empty is over already.
func (c *conn) answer(h head) *http.Response {
	b := &body{conn: c, head: h}
	if h.length == 0 {
		b.over(nil)
	}
	return &http.Response{Status: h.text, StatusCode: h.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h.header, ContentLength: h.length, Body: b}
}

// because says why a connection failed that was closed on this side.
func (c *conn) because(err error) error {
	if !errors.Is(err, net.ErrClosed) {
		return err
	}
	if left := c.ctx.Err(); left != nil {
		return left
	}
	return ErrClosed
}

// Unix returns what opens connections to a unix socket. Linux refuses one at once
// while too many wait to be accepted, and a server may let five wait: it is tried
// again then.
func Unix(socket string) Dial {
	return func(ctx context.Context) (net.Conn, error) {
		for {
			conn, err := net.Dial("unix", socket)
			if !errors.Is(err, syscall.EAGAIN) {
				return conn, err
			}
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Millisecond):
			}
		}
	}
}
