//go:build !unix

package api

import (
	"context"
	"net"
)

// clientContext cannot look at the socket here: a client that left is noticed by
// a failed write.
func clientContext(net.Conn) (ctx context.Context, done func()) {
	return context.WithCancel(context.Background())
}
