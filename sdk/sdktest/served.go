package sdktest

import (
	"context"
	"net"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/enginebay/enginebay/sdk"
)

// serve runs the plugin in this process, behind a real socket.
func (s Subject) serve(h *host, log *logbook) error {
	socket := filepath.Join(h.run, "plugin")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	cc, err := grpc.NewClient("unix:"+socket, append(sdk.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		listener.Close()
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- sdk.ServeOn(ctx, listener, s.Plugin, log.logger()) }()
	h.Conn = sdk.NewConn(cc)
	h.end = func() error {
		cancel()
		err := <-served
		cc.Close()
		return err
	}
	return nil
}
