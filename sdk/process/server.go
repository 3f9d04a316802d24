package process

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

const (
	// keptLines is how much of a server's log is kept to explain its end.
	keptLines = 200
	// stopGrace is how long a server may take to end after SIGTERM.
	stopGrace = 3 * time.Second
	// firstPoll and lastPoll bound the wait between two looks at a starting server.
	firstPoll, lastPoll = 5 * time.Millisecond, 100 * time.Millisecond
)

// A Config says which server to run and how to know that it answers.
type Config struct {
	Path string   // the program
	Args []string // without the program's name
	Env  []string // NAME=VALUE; nothing is inherited
	Dir  string   // working directory

	// Endpoint is where the server will answer. A Socket is removed before the
	// start and after the end, and closed to other users.
	Endpoint sdk.Endpoint

	// Health is the path that answers 200 as soon as the server can work, and
	// anything else, or nothing, before: "/health".
	Health string

	// Waiting, if set, is called each time that the server was looked at and does
	// not answer yet.
	Waiting func(pid int)

	// Explain, if set, makes the error that a user sees of a server's end: what stands in
	// the last lines of its log, as a rule, and the next step. Without it the error is
	// what [Exit.Reason] says.
	Explain func(Exit) error

	// Line, if set, is called with each line that the server writes. It must not block.
	Line func(line string)

	// Log takes the server's output, at the level debug; nil discards it.
	Log hclog.Logger
}

// A Server is a running server. It is the [sdk.Instance] of an engine that
// only fronts one.
type Server struct {
	config Config
	child  *Child
	log    tail

	closing sync.Once
	closed  chan struct{} // closed when Close was called
	gone    chan struct{} // closed when the server has ended
	err     error         // why, set before gone is closed; nil after Close
}

// Run starts the server and blocks until it answers. When ctx ends first, or
// the server ends by itself, nothing is left of it and the error says why.
func Run(ctx context.Context, c Config) (*Server, error) {
	if c.Endpoint.Socket != "" {
		_ = os.Remove(c.Endpoint.Socket)
	}
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	if c.Explain == nil {
		c.Explain = func(e Exit) error {
			code, reason := e.Reason()
			return e.Failure(code, "%s ended: %s", filepath.Base(c.Path), reason)
		}
	}
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = append([]string{}, c.Env...) // never nil, which would mean all of ours
	s := &Server{config: c, closed: make(chan struct{}), gone: make(chan struct{})}
	child, err := Start(cmd, s.line, s.line)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	s.child = child
	c.Log.Debug("server started", "path", c.Path, "pid", child.Pid())
	go s.watch()
	if err := s.ready(ctx); err != nil {
		_ = s.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return s, nil
}

func (s *Server) line(line string) {
	s.log.add(line)
	if s.config.Line != nil {
		s.config.Line(line)
	}
	s.config.Log.Debug(line)
}

// watch turns the end of the child into the end of the server.
func (s *Server) watch() {
	exit := s.child.Wait()
	if s.config.Endpoint.Socket != "" {
		_ = os.Remove(s.config.Endpoint.Socket)
	}
	select {
	case <-s.closed:
	default:
		s.err = s.config.Explain(Exit{Err: exit, Log: s.log.lines()})
	}
	close(s.gone)
}

// ready looks at the health address until it says 200.
func (s *Server) ready(ctx context.Context) error {
	client := s.client()
	defer client.CloseIdleConnections()
	for wait := firstPoll; ; wait = min(wait*3/2, lastPoll) {
		select {
		case <-ctx.Done():
			return &sdk.Error{Code: sdk.CodeCanceled, Message: "the load was called off", Cause: ctx.Err()}
		case <-s.gone:
			if s.err == nil { // Explain knew no reason
				return fmt.Errorf("%s ended before it answered", s.config.Path)
			}
			return s.err
		case <-time.After(wait):
		}
		if s.healthy(ctx, client) {
			return s.private()
		}
		if s.config.Waiting != nil {
			s.config.Waiting(s.child.Pid())
		}
	}
}

// private keeps others from the server's socket, which has the permissions that
// the umask left; until now only those of its folder kept them out.
func (s *Server) private() error {
	if s.config.Endpoint.Socket == "" {
		return nil
	}
	if err := os.Chmod(s.config.Endpoint.Socket, 0o600); err != nil {
		return fmt.Errorf("close the socket to others: %w", err)
	}
	return nil
}

func (s *Server) healthy(ctx context.Context, client *http.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	base := s.config.Endpoint.URL
	if base == "" {
		base = "http://localhost"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+s.config.Health, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4096)
	return resp.StatusCode == http.StatusOK
}

func (s *Server) client() *http.Client {
	transport := &http.Transport{Proxy: nil}
	if socket := s.config.Endpoint.Socket; socket != "" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}
	}
	return &http.Client{Transport: transport}
}

// Endpoint implements [sdk.Instance].
func (s *Server) Endpoint() sdk.Endpoint { return s.config.Endpoint }

// Wait implements [sdk.Instance].
func (s *Server) Wait() error {
	<-s.gone
	return s.err
}

// Pid returns the server's process id.
func (s *Server) Pid() int { return s.child.Pid() }

// Close implements [sdk.Instance]: SIGTERM, and after three seconds, or when ctx
// ends, SIGKILL to the whole group.
func (s *Server) Close(ctx context.Context) error {
	s.closing.Do(func() { close(s.closed); s.child.Terminate() })
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case <-s.gone:
		return nil
	case <-grace.C:
	case <-ctx.Done():
	}
	s.child.Kill()
	<-s.gone
	return nil
}

// tail keeps the last lines of a log.
type tail struct {
	mu   sync.Mutex
	kept []string // a ring once it is full
	next int
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) < keptLines {
		t.kept = append(t.kept, line)
		return
	}
	t.kept[t.next] = line
	t.next = (t.next + 1) % keptLines
}

func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append(append([]string{}, t.kept[t.next:]...), t.kept[:t.next]...)
}
