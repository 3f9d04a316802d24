package sdk_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/host"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// served is a plugin in this process, behind a real socket.
type served struct {
	*host.Conn
	wire *grpc.ClientConn // for calls that a Conn does not make
	run  string           // its run folder
	log  *log
}

// serve runs a plugin until the test ends, and configures it.
func serve(t *testing.T, p sdk.Plugin) *served {
	t.Helper()
	s := serveOnly(t, p)
	if err := s.Configure(t.Context(), sdk.Configuration{Deployment: "fake", RunDir: s.run}); err != nil {
		t.Fatalf("Configure: %v", err)
	}
	return s
}

func serveOnly(t *testing.T, p sdk.Plugin) *served {
	t.Helper()
	if p.Name == "" {
		p.Name, p.Version = "fake", "1.0.0"
	}
	run, err := os.MkdirTemp("", "eb") // short: it is part of a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	listener, err := net.Listen("unix", filepath.Join(run, "plugin"))
	if err != nil {
		t.Fatal(err)
	}
	s := &served{run: run, log: &log{}}
	s.wire, err = host.Dial(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sdk.ServeOn(ctx, listener, p, hclog.New(&hclog.LoggerOptions{Output: s.log})) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("ServeOn: %v", err)
		}
		s.wire.Close()
	})
	s.Conn = host.NewConn(s.wire)
	return s
}

// log keeps what a plugin logs.
type log struct {
	mu   sync.Mutex
	text []byte
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// engine loads what its function returns.
type engine func(ctx context.Context, req sdk.LoadRequest, progress func(sdk.Progress)) (sdk.Instance, error)

func (e engine) Load(ctx context.Context, req sdk.LoadRequest, progress func(sdk.Progress)) (sdk.Instance, error) {
	return e(ctx, req, progress)
}

// instance ends when it is closed, or when a test ends it.
type instance struct {
	endpoint sdk.Endpoint
	once     sync.Once
	ended    chan struct{}
	err      error
}

func newInstance(e sdk.Endpoint) *instance {
	return &instance{endpoint: e, ended: make(chan struct{})}
}

func (i *instance) Endpoint() sdk.Endpoint { return i.endpoint }

func (i *instance) Wait() error {
	<-i.ended
	return i.err
}

func (i *instance) Close(context.Context) error {
	i.end(nil)
	return nil
}

func (i *instance) end(err error) {
	i.once.Do(func() {
		i.err = err
		close(i.ended)
	})
}

// with is an engine whose instances are all the one.
func with(i *instance) engine {
	return func(context.Context, sdk.LoadRequest, func(sdk.Progress)) (sdk.Instance, error) { return i, nil }
}

// await waits for a channel to be closed.
func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s did not happen within %v", what, patience)
	}
}
