package wire_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engine listens on a socket and gives each connection to serve.
func engine(t *testing.T, serve func(net.Conn)) *wire.Pool {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "e.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	pool := wire.New(wire.Unix(socket))
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wait.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		pool.Close()
		listener.Close()
		wait.Wait()
	})
	return pool
}

// answer sends one request and reads the answer whole.
func answer(ctx context.Context, p *wire.Pool, body string) (int, string, error) {
	resp, err := p.Do(ctx, wire.Request{Path: "/v1/chat/completions", ContentType: "application/json", Body: []byte(body)})
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestRequest(t *testing.T) {
	seen := make(chan *http.Request, 1)
	p := engine(t, func(c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			t.Error(err)
			return
		}
		data, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(data)))
		seen <- r
		_, _ = io.WriteString(c, ok)
	})
	resp, err := p.Do(t.Context(), wire.Request{Path: "/v1/embeddings", ContentType: "application/json", Headers: map[string]string{"Authorization": "Bearer x"}, Body: []byte(`{"input":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	r := <-seen
	data, _ := io.ReadAll(r.Body)
	if r.Method != "POST" || r.URL.Path != "/v1/embeddings" || r.Host != "localhost" || string(data) != `{"input":1}` || r.Header.Get("Authorization") != "Bearer x" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("came %+v with %s", r, data)
	}
}

func TestNoHeaderIsSmuggled(t *testing.T) {
	p := wire.New(func(context.Context) (net.Conn, error) { return nil, errors.New("nothing is to be sent") })
	for _, r := range []wire.Request{
		{ContentType: "text/plain\r\nX: y"},
		{Headers: map[string]string{"X\r\nY": "z"}},
		{Headers: map[string]string{"X": "y\nZ: z"}},
	} {
		if _, err := p.Do(t.Context(), r); err == nil || !strings.Contains(err.Error(), "cannot be sent") {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

// TestParallel: everybody gets their own answer, over few connections.
func TestParallel(t *testing.T) {
	var connections atomic.Int32
	p := engine(t, func(c net.Conn) {
		connections.Add(1)
		in := bufio.NewReader(c)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			data, _ := io.ReadAll(r.Body)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(data), data)
		}
	})
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			for k := range 200 {
				want := fmt.Sprintf("%d of %d", k, i)
				if status, got, err := answer(t.Context(), p, want); status != 200 || got != want || err != nil {
					t.Errorf("asked %q: %d %q %v", want, status, got, err)
				}
			}
		})
	}
	wait.Wait()
	if n := connections.Load(); n > 16 {
		t.Errorf("%d connections for 16 clients", n)
	}
}

// TestEngineClosesAfterEach: llama-server does so after a stream, without saying it.
func TestEngineClosesAfterEach(t *testing.T) {
	var asked atomic.Int32
	p := engine(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			asked.Add(1)
			_, _ = io.WriteString(c, ok)
		}
	})
	for range 50 {
		if status, _, err := answer(t.Context(), p, ""); status != 200 || err != nil {
			t.Fatalf("%d %v", status, err)
		}
	}
	if n := asked.Load(); n != 50 {
		t.Errorf("asked %d times", n)
	}
}

// TestNotTwice: a request of which something came back is not sent again.
func TestNotTwice(t *testing.T) {
	var asked atomic.Int32
	p := engine(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		for _, text := range []string{ok, "HTTP/1.1 200 O"} {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			asked.Add(1)
			_, _ = io.WriteString(c, text)
		}
	})
	if _, _, err := answer(t.Context(), p, ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := answer(t.Context(), p, ""); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

// TestNothingIsHeldBack: what has come is read before the next piece is sent.
func TestNothingIsHeldBack(t *testing.T) {
	read := make(chan struct{})
	p := engine(t, func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		for _, piece := range []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n", "3\r\ntwo\r\n3\r\nand\r\n", "5\r\nth", "ree\r\n0\r", "\n\r\n"} {
			_, _ = io.WriteString(c, piece)
			<-read
		}
	})
	resp, err := p.Do(t.Context(), wire.Request{Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 100)
	for _, want := range []string{"one", "twoand", "th", "ree", ""} {
		n, err := resp.Body.Read(buf)
		if want == "" && err == nil {
			t.Errorf("after the end came %q", buf[:n])
		}
		if string(buf[:n]) != want {
			t.Errorf("came %q, want %q", buf[:n], want)
		}
		read <- struct{}{}
	}
}

// TestLeaves: the engine sees the end of the connection when nobody waits for
// the answer any more.
func TestLeaves(t *testing.T) {
	for name, sent := range map[string]string{
		"before the first byte": "",
		"in the head":           "HTTP/1.1 200",
		"in the body":           "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
	} {
		for how, leave := range map[string]func(p *wire.Pool, cancel func()){
			"the client":  func(_ *wire.Pool, cancel func()) { cancel() },
			"the model":   func(p *wire.Pool, _ func()) { p.Close() },
			"and nothing": nil,
		} {
			t.Run(how+" "+name, func(t *testing.T) {
				came, over := make(chan struct{}), make(chan struct{})
				p := engine(t, func(c net.Conn) {
					_, _ = http.ReadRequest(bufio.NewReader(c))
					_, _ = io.WriteString(c, sent)
					close(came)
					if leave != nil {
						_, _ = io.Copy(io.Discard, c) // until it is closed
					}
					close(over)
				})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() {
					<-came
					if leave != nil {
						leave(p, cancel)
					}
				}()
				_, _, err := answer(ctx, p, "")
				want := map[string]error{"the client": context.Canceled, "the model": wire.ErrClosed}[how]
				if err == nil || want != nil && !errors.Is(err, want) {
					t.Errorf("got %v", err)
				}
				<-over
			})
		}
	}
}

// TestEarlyAnswer: an engine that refuses before it has read all is heard.
func TestEarlyAnswer(t *testing.T) {
	p := engine(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 100))
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!")
		_ = c.(*net.UnixConn).CloseRead()
	})
	if status, body, err := answer(t.Context(), p, strings.Repeat("x", 8<<20)); status != 413 || body != "no!" || err != nil {
		t.Errorf("%d %q %v", status, body, err)
	}
}

// TestIdle: idle connections go, and nothing runs on when there are none.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{})
		p := wire.New(func(context.Context) (net.Conn, error) {
			return &canned{pieces: []string{ok, ok}, closed: closed}, nil
		})
		for range 2 {
			if status, _, err := answer(t.Context(), p, ""); status != 200 || err != nil {
				t.Fatalf("%d %v", status, err)
			}
			time.Sleep(time.Second)
		}
		began := time.Now()
		<-closed
		if idle := time.Since(began); idle > 3*time.Second {
			t.Errorf("idle for %v", idle)
		}
		p.Close()
		if _, _, err := answer(t.Context(), p, ""); !errors.Is(err, wire.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

// canned is a connection on which what comes is known.
type canned struct {
	net.Conn
	pieces []string
	closed chan struct{}
}

func (c *canned) Write(p []byte) (int, error) { return len(p), nil }

func (c *canned) Read(p []byte) (int, error) {
	for len(c.pieces) > 0 && c.pieces[0] == "" {
		c.pieces = c.pieces[1:]
	}
	if len(c.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.pieces[0])
	c.pieces[0] = c.pieces[0][n:]
	return n, nil
}

func (c *canned) Close() error {
	if c.closed != nil {
		close(c.closed)
		c.closed = nil
	}
	return nil
}

// TestWorkIsNotDoneOverAndOver: an engine that falls over a request gets it at most
// twice, however many connections are idle.
func TestWorkIsNotDoneOverAndOver(t *testing.T) {
	var worked atomic.Int32
	warm := make(chan struct{})
	p := engine(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			data, _ := io.ReadAll(r.Body)
			if string(data) == "fatal" {
				worked.Add(1)
				return
			}
			<-warm // all at once, so that each has a connection of its own
			_, _ = io.WriteString(c, ok)
		}
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, _, err := answer(t.Context(), p, "x"); err != nil {
				t.Error(err)
			}
		})
	}
	close(warm)
	all.Wait()
	if _, _, err := answer(t.Context(), p, "fatal"); err == nil {
		t.Error("no error")
	}
	if n := worked.Load(); n > 2 {
		t.Errorf("the engine worked on it %d times", n)
	}
}
