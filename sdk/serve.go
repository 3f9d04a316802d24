package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

const (
	// closeGrace is how long instances have to end when the plugin is told to end.
	closeGrace = 8 * time.Second
	// orphanGrace is the same when the core is gone: nobody waits for a tidy end.
	orphanGrace = 500 * time.Millisecond
)

// Serve runs the plugin until the core ends it, and does not return. It must be
// the only thing that main does.
func Serve(p Plugin) {
	log := hclog.New(&hclog.LoggerOptions{Name: p.Name, Output: os.Stderr, JSONFormat: true, Level: hclog.Info})
	if err := p.check(); err != nil {
		fmt.Fprintf(os.Stderr, "plugin %q: %v\n", p.Name, err)
		os.Exit(2)
	}
	if os.Getenv(pluginpb.CookieKey) != pluginpb.CookieValue {
		fmt.Fprintf(os.Stderr, "%s %s is a plugin of Engine Bay and is started by it.\n"+
			"Put its folder into the plugins folder and see \"enginebay plugin list\".\n", p.Name, p.Version)
		os.Exit(2)
	}
	s := newServer(p, log)
	stdout, stderr := os.Stdout, os.Stderr
	s.first = sync.OnceFunc(func() {
		// go-plugin has put pipes in their place, which it reads and sends over
		// gRPC: the last words before a crash would never arrive. The core reads
		// the real ones.
		os.Stdout, os.Stderr = stdout, stderr
	})
	var once sync.Once
	end := func(grace time.Duration) {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.Background(), grace)
			defer cancel()
			s.close(ctx)
			os.Exit(0)
		})
		select {} // another goroutine is ending the process
	}
	go onSignal(func() { end(closeGrace) })
	if os.Getenv(pluginpb.Lifeline) == "stdin" {
		go onEOF(os.Stdin, func() { end(orphanGrace) })
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{ProtocolVersion: pluginpb.Version, MagicCookieKey: pluginpb.CookieKey, MagicCookieValue: pluginpb.CookieValue},
		Plugins:         goplugin.PluginSet{pluginpb.Service: &glue{server: s}},
		Logger:          log.Named("go-plugin"),
		GRPCServer:      func(opts []grpc.ServerOption) *grpc.Server { return grpc.NewServer(append(opts, s.options()...)...) },
	})
	end(closeGrace)
}

// onSignal calls end at the first SIGTERM. go-plugin swallows SIGINT, which the
// terminal sends to everybody, and leaves SIGTERM at its default: sudden death.
func onSignal(end func()) {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	<-term
	end()
}

// onEOF calls end when the other side of the lifeline is gone.
func onEOF(lifeline io.Reader, end func()) {
	_, _ = io.Copy(io.Discard, lifeline)
	end()
}

// options of the plugin's gRPC server. The enforcement policy allows a client's
// keepalive: by default a silent stream is killed after some forty seconds.
func (s *server) options() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(pluginpb.MaxMessage),
		grpc.MaxSendMsgSize(pluginpb.MaxMessage),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
	}
}

// glue is the shape that go-plugin wants a plugin in.
type glue struct {
	goplugin.NetRPCUnsupportedPlugin
	server *server
}

func (g *glue) GRPCServer(_ *goplugin.GRPCBroker, gs *grpc.Server) error {
	g.server.register(gs)
	return nil
}

// GRPCClient is the host's half, which is package host.
func (g *glue) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.ErrUnsupported
}

// ServeOn answers for the plugin on a listener, in a process of the caller's: a
// test runs its plugin so, and calls it as the core does, by sdk/host. It blocks until ctx
// ends, then closes every instance and the listener. An error means that the
// plugin is not one, or that the listener failed.
func ServeOn(ctx context.Context, l net.Listener, p Plugin, log hclog.Logger) error {
	if err := p.check(); err != nil {
		l.Close()
		return fmt.Errorf("plugin %q: %w", p.Name, err)
	}
	s := newServer(p, log)
	gs := grpc.NewServer(s.options()...)
	s.register(gs)
	failed := make(chan error, 1)
	go func() { failed <- gs.Serve(l) }()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeGrace)
	defer cancel()
	s.close(closing)
	gs.Stop()
	return err
}
