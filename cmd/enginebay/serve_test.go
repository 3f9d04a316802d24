package main

import (
	"net"
	"strings"
	"testing"
)

// TestListen: an IPv4 address is not one of IPv6 too, and is shown as it was given.
func TestListen(t *testing.T) {
	for given, want := range map[string]string{
		"0.0.0.0:0":   "0.0.0.0:",
		"127.0.0.1:0": "127.0.0.1:",
		"localhost:0": "localhost:",
	} {
		t.Run(given, func(t *testing.T) {
			listener, err := listen(given)
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			real := listener.Addr().(*net.TCPAddr)
			port, found := strings.CutPrefix(shown(given, real), want)
			if !found || port == "0" {
				t.Errorf("shown as %s", shown(given, real))
			}
			if strings.HasPrefix(given, "0.") && real.IP.To4() == nil {
				t.Errorf("it listens on %s", real)
			}
		})
	}
}
