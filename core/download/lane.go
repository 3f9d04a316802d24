package download

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// A lane is one connection's worth of a transfer: one call after the other, the
// next one asked for while the last bytes of the one before are under way.
type lane struct {
	*transfer
	begun func() // an answer was taken
	ahead *call
}

// A call is a claim, and the request for it.
type call struct {
	claim  *claim
	watch  *watch
	ready  chan struct{} // closed when answer and err are there
	answer *answer
	err    error
	took   time.Duration
}

// blocks are for reading into.
var blocks = sync.Pool{New: func() any { return new([block]byte) }}

// next makes one call, and brings its bytes into the partial.
func (l *lane) next(ctx context.Context) error {
	c := l.ahead
	if l.ahead = nil; c == nil {
		claim, err := l.claim()
		if err != nil {
			return err
		}
		if claim == nil {
			return errNothing
		}
		c = l.call(ctx, claim)
	}
	defer l.end(c)
	<-c.ready
	c.watch.unpark()
	if c.err != nil {
		return c.err
	}
	if err := l.settle(c); err != nil {
		return err
	}
	return l.pour(ctx, c)
}

// claim takes what is to be fetched next. Without ranges that is all of the file,
// from zero on.
func (l *lane) claim() (*claim, error) {
	b := l.part.board
	if !l.plain {
		piece := l.piece()
		return b.take(piece, l.window(piece)), nil
	}
	if b.whole() {
		return nil, nil
	}
	if !b.empty() {
		l.settled = false
		if err := l.part.begin(end(l.file.Size), version{}, nil); err != nil {
			return nil, err
		}
	}
	return b.take(unknown, unknown), nil
}

func (l *lane) window(piece int64) int64 { return 4 * piece * int64(l.Connections) }

// call asks for a claim's bytes without waiting for the answer.
func (l *lane) call(ctx context.Context, claimed *claim) *call {
	c := &call{claim: claimed, ready: make(chan struct{})}
	ctx, c.watch = watched(ctx, l.client.pace.stall)
	var asked *span
	if !l.plain {
		asked = &span{claimed.at, claimed.at + l.part.board.left(claimed)}
	}
	v, began := l.part.expected().version, time.Now()
	go func() {
		defer close(c.ready)
		c.answer, c.err = l.source.ask(ctx, asked, v)
		c.took = time.Since(began)
		c.watch.park()
	}()
	return c
}

// end gives up what is left of a call.
func (l *lane) end(c *call) {
	c.watch.stop()
	<-c.ready
	if c.answer != nil {
		c.answer.Body.Close()
	}
	l.part.board.drop(c.claim)
}

func (l *lane) close() {
	if l.ahead != nil {
		l.end(l.ahead)
	}
}

// settle compares an answer with what is known of the file. The first one of a
// partial with nothing in it says what the file is.
func (l *lane) settle(c *call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := c.answer
	if a.html() {
		start, _ := io.ReadAll(io.LimitReader(a.Body, sniff)) // says what kind of page
		if err := a.webPage(start); err != nil {
			return err
		}
	}
	if !l.settled {
		l.part.learn(a.linked.sha256)
	}
	if err := l.sized(a); err != nil {
		return err
	}
	known := l.part.expected()
	if !l.settled && l.part.board.empty() {
		return l.begin(c, a)
	}
	if known.version.other(a.version) || known.Size > 0 && a.size >= 0 && a.size != known.Size {
		return errChanged
	}
	if a.StatusCode == 200 {
		return errPlain
	}
	if !l.settled {
		l.settled = true
		l.part.adopt(a.version)
		l.begun()
	}
	return nil
}

// sized refuses a file of another size than the one that was ordered.
func (l *lane) sized(a *answer) error {
	want := l.file.Size
	if want == 0 {
		want = a.linked.size
	}
	if want > 0 && a.size >= 0 && a.size != want {
		return sdk.Errorf(sdk.CodeInvalid, "%s has %d bytes, but must have %d; it is another file than the one that was chosen", web.Public(l.source.address), a.size, want)
	}
	if a.size < 0 && want > 0 {
		a.size = want
	}
	return nil
}

// begin makes the partial one of what the answer tells.
func (l *lane) begin(c *call, a *answer) error {
	if a.StatusCode == 200 {
		l.plain = true
	}
	if a.size < 0 && !a.bounded() && l.part.expected().SHA256 == "" && l.file.Check == nil {
		return sdk.Errorf(sdk.CodeInvalid, "%s does not say how long the file is, so nobody could tell whether all of it came; choose another source", web.Public(l.source.address))
	}
	end := a.size
	if end < 0 && !l.plain {
		return errPlain // without an end nobody can share it out
	}
	if end < 0 {
		end = unknown
	}
	if l.plain {
		c.claim.end = unknown
	}
	if err := l.part.begin(end, a.version, c.claim); err != nil {
		return err
	}
	if err := l.client.reserve(l.part, l.Config); err != nil {
		return err
	}
	l.settled = true
	l.begun()
	return nil
}

// pour brings the bytes of an answer into the partial, until the claim or the
// answer ends.
func (l *lane) pour(ctx context.Context, c *call) error {
	buf := blocks.Get().(*[block]byte)
	defer blocks.Put(buf)
	board, body, began := l.part.board, c.answer.Body, time.Now()
	left, poured := c.answer.length, int64(0)
	if left < 0 {
		left = unknown
	}
	for {
		room := min(left, board.left(c.claim), l.client.piece())
		if room <= 0 {
			return l.beyond(c, left)
		}
		n, err := l.read(body, buf[:room], c.claim.at == 0)
		if n > 0 {
			if err := l.take(ctx, c, buf[:n]); err != nil {
				return err
			}
			left, poured = left-int64(n), poured+int64(n)
		}
		switch {
		case err == nil || left == 0 || board.left(c.claim) <= 0:
		case err == io.EOF && left == unknown-poured:
			return l.ended(c)
		default:
			return l.cut(ctx, c, err)
		}
		if l.ahead == nil && !l.plain && c.took > worthAhead && float64(board.left(c.claim))*time.Since(began).Seconds() < 2*c.took.Seconds()*float64(poured) {
			piece := l.piece()
			if next := board.takeAhead(piece, l.window(piece)); next != nil {
				l.ahead = l.call(ctx, next)
			}
		}
	}
}

// worthAhead is how long an answer must take to be asked for ahead of time.
const worthAhead = 5 * time.Millisecond

// read reads some bytes; at the beginning of a file enough to see what it is.
func (l *lane) read(body io.Reader, buf []byte, start bool) (int, error) {
	if !start {
		return body.Read(buf)
	}
	n, err := 0, error(nil)
	for n < min(len(buf), sniff) && err == nil {
		var more int
		more, err = body.Read(buf[n:])
		n += more
	}
	return n, err
}

// take brings some bytes into the partial.
func (l *lane) take(ctx context.Context, c *call, data []byte) error {
	if c.claim.at == 0 {
		if err := c.answer.webPage(data); err != nil {
			return err
		}
	}
	c.watch.bytes.Add(int64(len(data)))
	l.got.Add(int64(len(data)))
	began := time.Now()
	if err := l.client.spend(ctx, len(data)); err != nil {
		return err
	}
	if _, err := l.part.file.WriteAt(data, c.claim.at); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if time.Since(began) > c.watch.period/10 { // which is not the server's fault
		c.watch.held.Store(true)
	}
	total := l.part.board.wrote(c.claim, int64(len(data)))
	for best := l.best.Load(); total > best && !l.best.CompareAndSwap(best, total); best = l.best.Load() {
	}
	return nil
}

// beyond looks whether the server sends more than it may, where it did not say how
// much it would be.
func (l *lane) beyond(c *call, left int64) error {
	if c.answer.ContentLength >= 0 || left > 0 && !l.plain {
		return nil // net/http reads no further, or another lane has taken the rest
	}
	var one [1]byte
	n, err := io.ReadFull(c.answer.Body, one[:])
	switch {
	case n > 0 && !l.plain:
		return errPlain
	case n > 0:
		return wrong("%s sends more than the %d bytes that the file has; it is another one than was chosen", web.Public(l.source.address), c.claim.at)
	case err != io.EOF:
		return nil // all of it is there; that the ending is missing is no harm
	}
	return nil
}

// ended is the end of a body of which nobody knew where it would be.
func (l *lane) ended(c *call) error {
	if l.part.expected().Size > 0 {
		return &passing{error: errShort}
	}
	l.part.close(c.claim)
	return nil
}

// cut is an answer that broke off.
func (l *lane) cut(ctx context.Context, c *call, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case c.watch.stalled.Load():
		err = errStalled
	case err == io.EOF:
		err = errShort
	}
	return &passing{error: fmt.Errorf("read from %s: %w", web.Public(l.source.address), err)}
}
