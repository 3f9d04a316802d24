package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/api"
	"github.com/enginebay/enginebay/core/keys"
)

// shutdownTimeout is how long open connections may take to end, once their
// models have.
const shutdownTimeout = 10 * time.Second

func newServe(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Start the server",
		Long: `Start the server and stay in the foreground until Ctrl-C.

Models are loaded by the first request that names them. Nothing needs to be
configured. Each flag is also a line of HOME/enginebay.yaml, which the server
follows while it runs, and a variable of the environment: see "enginebay config".

An address that other machines can reach needs an API key: enginebay key create.`,
		Example: `  enginebay serve
  enginebay serve --home /srv/models --addr 127.0.0.1:8080
  ENGINEBAY_LOG_LEVEL=debug enginebay serve`,
		Args:              cobra.NoArgs,
		PersistentPreRunE: c.strictly,
		RunE:              func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), c) },
	}
	c.addFlags(cmd.Flags(), serverKeys()...)
	cmd.AddCommand(newServeStop(c), newServeStatus(c))
	return cmd
}

func serve(ctx context.Context, c *config) error {
	log, logs := c.openLog(os.Stderr)
	listener, err := listen(c.Addr)
	if err != nil {
		if o, ok := serverOf(c.home); ok && o.Addr == c.Addr {
			return fmt.Errorf("a server runs at %s already (pid %d); to stop it: %s", o.Addr, o.Pid, c.inHome("enginebay serve stop"))
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("%s is taken; is a server running already? Choose another address with --addr HOST:PORT", c.Addr)
		}
		return fmt.Errorf("%w; choose another address with --addr HOST:PORT", err)
	}
	ring, err := c.openKeys(listener.Addr(), log)
	if err != nil {
		listener.Close()
		return err
	}
	defer ring.Close()
	sent, flush, err := c.openTraces(log)
	if err != nil {
		listener.Close()
		return err
	}
	defer flush()
	runtime, err := core.Open(core.Config{Home: c.home, Version: version, ModelDirs: c.roots(), Catalogue: c.Catalogue, PluginDirs: c.plugins(), PluginEnv: c.PluginEnv,
		PluginSandbox: c.PluginSandbox, Unsigned: c.UnsignedPlugins, Limits: c.limits(), Downloads: c.fetching(), Log: log})
	if err != nil {
		listener.Close()
		return err
	}
	addr := shown(c.Addr, listener.Addr())
	if err := own(c.home, addr); err != nil {
		log.Warn("enginebay serve stop will not find this server", "error", err)
	}
	kept, err := c.openConversations(ctx, log)
	if err != nil {
		listener.Close()
		runtime.Close()
		return err
	}
	defer kept.db.Close()
	server := api.New(api.Config{Runtime: runtime, Version: version, Keys: ring, Conversations: kept.store, Sole: kept.sole, Policy: c.policy(), Tracer: sent.Tracer(), Log: log.Named("api")})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c.follow(ctx, log.Named("config"), stop, func(s settings) {
		logs.levels.Store(newLevels(s))
		runtime.ApplyLogLevels()
		server.Apply(s.policy())
		runtime.SetLimits(s.limits())
		if err := runtime.SetDownloads(s.fetching()); err != nil {
			log.Error("the settings of downloads are not used", "error", err)
		}
	})
	runtime.Preload(ctx, c.Preload)
	runtime.Resume(ctx)
	log.Info("serving", "url", "http://"+addr+"/v1", "home", c.home, "models", len(runtime.Models()), "plugins", len(runtime.Plugins()), "version", version)
	return run(ctx, log, listener, server, runtime)
}

// listen takes an IPv4 address at its word: Go makes 0.0.0.0 one of IPv6 too.
func listen(addr string) (net.Listener, error) {
	if ip, err := netip.ParseAddrPort(addr); err == nil && ip.Addr().Is4() {
		return net.Listen("tcp4", addr)
	}
	return net.Listen("tcp", addr)
}

// shown is an address as it was given, with the port that it became.
func shown(given string, real net.Addr) string {
	host, _, _ := net.SplitHostPort(given)
	_, port, err := net.SplitHostPort(real.String())
	if host == "" || err != nil {
		return real.String()
	}
	return net.JoinHostPort(host, port)
}

// openKeys wants a key where other machines can reach the server. What counts is the
// address that is listened on, whatever name it was given by.
func (c *config) openKeys(addr net.Addr, log hclog.Logger) (*keys.Ring, error) {
	ring, err := keys.Open(c.keyFile(), log.Named("keys"))
	if err == nil && api.Exposed(addr) && ring.Len() == 0 {
		return nil, fmt.Errorf("other machines can reach %s, and there is no API key in %s; make one with: %s, or choose an address of this machine only, as %s", c.Addr, c.keyFile(), c.inHome("enginebay key create NAME"), defaultAddr())
	}
	return ring, err
}

// run serves until ctx ends, then leaves: models first, so that their streams
// end, and the connections with them.
func run(ctx context.Context, log hclog.Logger, listener net.Listener, server *api.Server, runtime *core.Runtime) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	debug.FreeOSMemory() // what the start left behind: a server that idles has no occasion to
	var err error
	select {
	case <-ctx.Done():
		log.Info("shutting down")
	case err = <-failed:
	}
	var wait sync.WaitGroup
	wait.Go(runtime.Close)
	wait.Go(func() {
		if err := server.Shutdown(shutdownTimeout); err != nil {
			log.Warn("connections were cut off", "error", err)
		}
	})
	wait.Wait()
	log.Info("stopped")
	return err
}
