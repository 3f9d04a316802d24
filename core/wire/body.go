package wire

import (
	"bytes"
	"io"
	"strconv"
)

// body is the body of an answer. At its end the connection goes back to the pool,
// and when it is closed before that, the connection is closed too.
type body struct {
	conn  *conn // nil when it is over
	head  head
	left  int64 // of the chunk; -1 while its line end is still to come
	ended error // what Read returns when it is over
}

// over lets go of the connection. A reason other than the end closes it.
func (b *body) over(why error) {
	c := b.conn
	b.conn, b.ended = nil, why
	if why == nil {
		b.ended = io.EOF
	}
	if why != nil || b.head.close || c.in.Buffered() > 0 {
		c.pool.drop(c)
		return
	}
	c.pool.put(c)
}

// Waits says whether the next Read would wait for the engine.
func (b *body) Waits() bool { return b.conn != nil && b.conn.in.Buffered() == 0 }

// Close implements io.Closer.
func (b *body) Close() error {
	if b.conn != nil {
		b.over(io.ErrClosedPipe)
	}
	return nil
}

// Read implements io.Reader: it waits for something, and returns all of it that
// has arrived and has room.
func (b *body) Read(p []byte) (int, error) {
	if b.conn == nil {
		return 0, b.ended
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.read(p)
	switch {
	case err == io.EOF:
		b.over(nil)
	case err != nil:
		b.over(b.conn.because(err))
	}
	if n > 0 {
		return n, nil
	}
	return 0, b.ended
}

func (b *body) read(p []byte) (int, error) {
	switch {
	case b.head.chunked:
		return b.readChunks(p)
	case b.head.length < 0:
		n, err := b.conn.in.Read(p)
		b.head.close = b.head.close || err == io.EOF // that is how it ends
		return n, err
	}
	n, err := b.conn.in.Read(p[:min(int64(len(p)), b.head.length)])
	if b.head.length -= int64(n); b.head.length == 0 {
		return n, io.EOF
	}
	return n, cut(err)
}

// cut is the error of an answer that ends too early.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readChunks takes what is there of one or more chunks. It waits only while it
// has nothing.
func (b *body) readChunks(p []byte) (n int, err error) {
	in := b.conn.in
	for n < len(p) {
		if b.left == 0 || b.left == -1 {
			if n > 0 && !b.lineIsThere() {
				break
			}
			if err := b.nextChunk(); err != nil {
				return n, err
			}
		}
		if n > 0 && in.Buffered() == 0 {
			break
		}
		m, err := in.Read(p[n:][:min(int64(len(p)-n), b.left)])
		n += m
		if b.left -= int64(m); b.left == 0 {
			b.left = -1
		}
		if err != nil {
			return n, cut(err)
		}
	}
	return n, nil
}

// lineIsThere says whether the next chunk's first line can be read without
// waiting.
func (b *body) lineIsThere() bool {
	there, _ := b.conn.in.Peek(b.conn.in.Buffered())
	if b.left == -1 {
		i := bytes.IndexByte(there, '\n')
		there = there[i+1:]
		if i < 0 {
			return false
		}
	}
	i := bytes.IndexByte(there, '\n')
	// The last one is followed by an empty line, and it may have to be waited for.
	return i >= 0 && (there[0] != '0' || bytes.HasPrefix(there[i+1:], []byte("\r\n")))
}

// nextChunk reads the line of a chunk, with the line end of the one before. After
// the last one it reads the trailers, which nobody wants, and returns io.EOF.
func (b *body) nextChunk() error {
	if b.left == -1 {
		line, err := b.line()
		if err != nil {
			return err
		}
		if len(line) > 0 {
			return malformed("a chunk is longer than it says")
		}
		b.left = 0
	}
	line, err := b.line()
	if err != nil {
		return err
	}
	size, _, _ := bytes.Cut(line, []byte(";")) // extensions
	n, err := strconv.ParseUint(string(bytes.TrimRight(size, " \t")), 16, 62)
	if err != nil {
		return malformed("a chunk's size is " + strconv.Quote(string(size[:min(len(size), 20)])))
	}
	if b.left = int64(n); n > 0 {
		return nil
	}
	return b.trailers()
}

func (b *body) trailers() error {
	for total := 0; total < bufferSize; {
		line, err := b.line()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return io.EOF
		}
		if _, _, err := field(string(line)); err != nil {
			return err
		}
		total += len(line)
	}
	return malformed("its trailers are too long")
}

// line reads a line of the framing; it is valid until the next read.
func (b *body) line() ([]byte, error) {
	line, err := b.conn.in.ReadSlice('\n')
	if err != nil {
		return nil, cut(err)
	}
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return nil, malformed("a chunk's line ends with a line feed alone")
	}
	return text, nil
}
