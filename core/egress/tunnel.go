package egress

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/enginebay/enginebay/sdk/web"
)

// connect opens a tunnel to a host.
func (p *Proxy) connect(w http.ResponseWriter, r *http.Request) {
	name, port, err := net.SplitHostPort(r.URL.Host)
	if err != nil {
		http.Error(w, "CONNECT takes HOST:PORT", http.StatusBadRequest)
		return
	}
	if err := p.allowed.passes("https", name, port); err != nil {
		p.refuse(w, r.URL.Host, err)
		return
	}
	there, err := p.ways.dial(r.Context(), net.JoinHostPort(name, port))
	if err != nil {
		p.refuse(w, r.URL.Host, unwrapped(err))
		return
	}
	here, early, err := http.NewResponseController(w).Hijack()
	if err != nil {
		there.Close()
		return
	}
	if !p.keep(here, there) {
		return
	}
	defer p.drop(here, there)
	if _, err := io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	relay(here, early.Reader, there)
}

// unwrapped is the guard's own error out of one of a dialer.
func unwrapped(err error) error {
	var refused *web.Error
	if errors.As(err, &refused) {
		return refused
	}
	return err
}

// relay copies both ways until both sides have ended, or one has broken off.
func relay(here net.Conn, early *bufio.Reader, there net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		forward(there, early, here)
	}()
	forward(here, there, there)
	<-done
}

// forward copies until the end, which it passes on; an error ends both.
func forward(to net.Conn, from io.Reader, source net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil && half.CloseWrite() == nil {
		return
	}
	to.Close()
	source.Close()
}

// keep remembers the connections of a tunnel, for Close. It closes them where that
// was called already.
func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		if p.closed {
			conn.Close()
			continue
		}
		p.tunnels[conn] = struct{}{}
	}
	return !p.closed
}

func (p *Proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		delete(p.tunnels, conn)
		conn.Close()
	}
}
