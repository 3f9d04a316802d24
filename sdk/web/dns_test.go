package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/enginebay/enginebay/sdk/web"
)

// names makes a name server of the test's own the one of the whole process.
func names(t *testing.T, hosts map[string]netip.Addr) {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan bool)
	go func() {
		defer close(ended)
		question := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(question)
			if err != nil {
				return
			}
			if answer, err := resolve(question[:n], hosts); err == nil {
				server.WriteTo(answer, from)
			}
		}
	}()
	usual := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = usual
		server.Close()
		<-ended
	})
}

func resolve(question []byte, hosts map[string]netip.Addr) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	m.Response = true
	m.Additionals = nil
	asked := m.Questions[0]
	head := dnsmessage.ResourceHeader{Name: asked.Name, Class: asked.Class}
	switch address, ok := hosts[asked.Name.String()]; {
	case !ok:
		m.RCode = dnsmessage.RCodeNameError
	case asked.Type == dnsmessage.TypeA && address.Is4():
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: address.As4()}}}
	case asked.Type == dnsmessage.TypeAAAA && address.Is6():
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}}}
	}
	return m.Pack()
}

// TestNamesThatLeadInside: what a name leads to counts, and not how it looks.
func TestNamesThatLeadInside(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "inside") })
	names(t, map[string]netip.Addr{
		"loopback.example.com.": netip.MustParseAddr("127.0.0.1"), "mapped.example.com.": netip.MustParseAddr("::ffff:127.0.0.1"),
		"private.example.com.": netip.MustParseAddr("10.1.2.3"), "metadata.example.com.": netip.MustParseAddr("169.254.169.254"),
		"nat64.example.com.": netip.MustParseAddr("64:ff9b::7f00:1"), "six.example.com.": netip.MustParseAddr("::1"),
	})
	h := client(t, web.Config{})
	for _, host := range []string{"loopback.example.com", "mapped.example.com", "private.example.com", "metadata.example.com", "nat64.example.com", "six.example.com"} {
		_, err := ask(t, h, reach(t, s, host))
		refused(t, err, "leads to")
	}
	redirecting := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, reach(t, s, "loopback.example.com"), http.StatusFound)
	})
	_, err := ask(t, client(t, web.Config{Private: []string{redirecting.URL}}), redirecting.URL)
	refused(t, err, "leads to")
	for _, private := range []string{"127.0.0.0/8", "loopback.example.com", "*"} {
		if body, err := ask(t, client(t, web.Config{Private: []string{private}}), reach(t, s, "loopback.example.com")); body != "inside" {
			t.Errorf("with %s: %q, %v", private, body, err)
		}
	}
}
