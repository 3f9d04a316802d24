package main

import (
	"fmt"
	"net"

	"github.com/valyala/fasthttp"
)

// serveProxy is the limit: a reverse proxy to one unix socket that does nothing
// but pass bytes on. It prints its address.
func serveProxy(socket string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	engine := newClient("unix", socket)
	engine.StreamResponseBody = true
	fmt.Println(listener.Addr())
	return (&fasthttp.Server{Handler: func(c *fasthttp.RequestCtx) {
		c.Request.URI().SetHost("localhost")
		c.Response.ImmediateHeaderFlush = true
		if err := engine.Do(&c.Request, &c.Response); err != nil {
			c.Error(err.Error(), fasthttp.StatusBadGateway)
		}
	}}).Serve(listener)
}
