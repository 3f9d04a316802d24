package sdk

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
)

// maxSocketPath is what every system allows for the path of a unix socket:
// Linux takes 107 bytes and macOS 103.
const maxSocketPath = 103

// serveHandler answers HTTP on a unix socket that only this user can reach,
// until stop is called. Running requests are cut off then.
func serveHandler(path string, h http.Handler, log hclog.Logger) (stop func(), err error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("socket path %s is longer than %d bytes", path, maxSocketPath)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, err
	}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Error}),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("handler socket", "error", err)
		}
	}()
	return func() {
		server.Close()
		<-done
	}, nil
}
