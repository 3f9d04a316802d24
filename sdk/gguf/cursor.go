package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The bounds that hold for every file. The largest headers seen (vocabularies of 262k tokens with 515k merges) have
// 16 MiB, the longest chat templates 30 KiB, the most tensors are some 2,000.
const (
	readBudget  = 32 << 20  // bytes that Read reads; arrays of numbers are passed over and do not count
	peekBudget  = 256 << 10 // bytes that Peek reads
	firstWindow = 16 << 10
	lastWindow  = 1 << 20
	maxText     = 1 << 20 // bytes of one string that is kept; elements of arrays may be longer
	maxName     = 1<<16 - 1
	maxKeys     = 1 << 12
	maxTensors  = 1 << 16
	maxLayers   = 1 << 10
)

var errBudget = errors.New("the header is larger than any that is read")

// cursor reads a file forward, through a window that doubles with every read, so that a small header costs one read
// and a large one few. What it has read in all is bounded by budget, and with it the time and memory of everything above.
type cursor struct {
	r      io.ReaderAt
	size   int64  // of the file
	budget int64  // bytes that may still be read from r
	pos    int64  // offset of the next byte, never past size
	rest   []byte // bytes at pos that have been read already
	buf    []byte // backs rest
	window int    // length of the next read
}

func (c *cursor) left() uint64 { return uint64(c.size - c.pos) }

// take returns the next n bytes. They are valid until the next call.
func (c *cursor) take(n int) ([]byte, error) {
	if len(c.rest) < n {
		if err := c.fill(n); err != nil {
			return nil, err
		}
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	c.pos += int64(n)
	return b, nil
}

// skip passes over n bytes, which the caller has compared with left, without reading them.
func (c *cursor) skip(n uint64) {
	c.rest = c.rest[min(n, uint64(len(c.rest))):]
	c.pos += int64(n)
}

// seek goes to an offset that the cursor has been at.
func (c *cursor) seek(pos int64) { c.pos, c.rest = pos, nil }

func (c *cursor) fill(n int) error {
	if uint64(n) > c.left() {
		return fmt.Errorf("%d bytes at offset %d pass the end of the file", n, c.pos)
	}
	want := min(int64(max(n, c.window)), c.size-c.pos, c.budget)
	if want < int64(n) {
		return fmt.Errorf("offset %d: %w", c.pos, errBudget)
	}
	if int64(cap(c.buf)) < want {
		c.buf = make([]byte, want)
	}
	got, err := c.r.ReadAt(c.buf[:want], c.pos)
	if int64(got) < want {
		return fmt.Errorf("read %d bytes at offset %d: %w", want, c.pos, err)
	}
	c.rest = c.buf[:want]
	c.budget -= want
	c.window = min(2*c.window, lastWindow)
	return nil
}

func (c *cursor) uint32() (uint32, error) {
	b, err := c.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (c *cursor) uint64() (uint64, error) {
	b, err := c.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// textLength reads the length of a string and makes sure that the file holds it.
func (c *cursor) textLength() (uint64, error) {
	at := c.pos
	n, err := c.uint64()
	if err != nil {
		return 0, err
	}
	if n > c.left() {
		return 0, fmt.Errorf("string of %d bytes at offset %d passes the end of the file", n, at)
	}
	return n, nil
}

// text reads a string of at most limit bytes.
func (c *cursor) text(limit uint64) (string, error) {
	at := c.pos
	n, err := c.textLength()
	if err != nil {
		return "", err
	}
	if n > limit {
		return "", fmt.Errorf("string of %d bytes at offset %d is longer than %d", n, at, limit)
	}
	b, err := c.take(int(n))
	return string(b), err
}

// skipTexts passes over the strings of an array. Most lie in the window: a hostile 32 MiB of empty ones, four million,
// take 27 ms without the short way and 17 with it.
func (c *cursor) skipTexts(count uint64) error {
	for range count {
		if len(c.rest) >= 8 {
			if n := binary.LittleEndian.Uint64(c.rest); n <= uint64(len(c.rest)-8) {
				c.rest = c.rest[8+n:]
				c.pos += int64(8 + n)
				continue
			}
		}
		n, err := c.textLength()
		if err != nil {
			return err
		}
		c.skip(n)
	}
	return nil
}
