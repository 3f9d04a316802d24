package egress

import (
	"net"
	"sync"
)

// A gate lets only one process in, and what it has started. Who knows a socket's path can
// connect, and another plugin may know it: until the gate has learned whose it is,
// connections wait.
type gate struct {
	net.Listener
	known sync.Once
	open  chan struct{} // closed when owner is set
	owner int
}

func newGate(l net.Listener) *gate { return &gate{Listener: l, open: make(chan struct{})} }

func (g *gate) admit(pid int) {
	g.known.Do(func() {
		g.owner = pid
		close(g.open)
	})
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		<-g.open
		if g.owner != 0 && isOf(conn, g.owner) {
			return conn, nil
		}
		conn.Close()
	}
}

// Close implements net.Listener.
func (g *gate) Close() error {
	g.admit(0)
	return g.Listener.Close()
}
