package sdktest

import (
	"context"
	"net"
	"path/filepath"

	"github.com/enginebay/enginebay/sdk"
	corehost "github.com/enginebay/enginebay/sdk/host"
)

// serve runs the plugin in this process, behind a real socket.
func (s Subject) serve(h *host, log *logbook) error {
	socket := filepath.Join(h.run, "plugin")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	cc, err := corehost.Dial(socket)
	if err != nil {
		listener.Close()
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- sdk.ServeOn(ctx, listener, s.Plugin, log.logger()) }()
	h.Conn = corehost.NewConn(cc)
	h.end = func() error {
		cancel()
		err := <-served
		cc.Close()
		return err
	}
	return nil
}
