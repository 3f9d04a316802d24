package download_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A fault is what happens to one connection through a faulty proxy. Its zero value
// is none.
type fault struct {
	after   int64         // bytes to the client before the rest of it; 0: none is let through at once
	then    ending        // what happens after them
	latency time.Duration // of each block, both ways
}

type ending int

const (
	nothing   ending = iota // it goes on
	cut                     // an orderly end in the midst of it
	reset                   // RST
	blackhole               // silence
)

// A proxy passes connections on to a server, with faults.
type proxy struct {
	to     string
	faults func(n int) fault // of the nth connection, from 0 on

	mu    sync.Mutex
	conns []net.Conn
	count int
	wait  sync.WaitGroup
	end   chan struct{}
}

// through starts a faulty proxy before a server, and returns the address to use.
func through(t *testing.T, url string, faults func(n int) fault) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{to: strings.TrimPrefix(url, "http://"), faults: faults, end: make(chan struct{})}
	p.wait.Go(func() { p.accept(l) })
	t.Cleanup(func() {
		close(p.end)
		l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.wait.Wait()
	})
	return "http://" + l.Addr().String()
}

func (p *proxy) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.to)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		f := p.faults(p.count)
		p.count++
		p.mu.Unlock()
		p.wait.Go(func() {
			io.Copy(late{server, f.latency, p.end}, client)
			server.(*net.TCPConn).CloseWrite()
		})
		p.wait.Go(func() { p.answer(client.(*net.TCPConn), server, f) })
	}
}

func (p *proxy) answer(client *net.TCPConn, server net.Conn, f fault) {
	defer client.Close()
	defer server.Close()
	to := late{client, f.latency, p.end}
	if f.then == nothing {
		io.Copy(to, server)
		return
	}
	io.CopyN(to, server, f.after)
	switch f.then {
	case reset:
		client.SetLinger(0)
	case blackhole:
		<-p.end
	}
}

// late writes each block some time after it was told to.
type late struct {
	net.Conn
	latency time.Duration
	end     chan struct{}
}

func (l late) Write(p []byte) (int, error) {
	if l.latency > 0 {
		select {
		case <-time.After(l.latency):
		case <-l.end:
		}
	}
	return l.Conn.Write(p)
}

// ReadFrom keeps io.Copy from going around Write.
func (l late) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{l}, r)
}
