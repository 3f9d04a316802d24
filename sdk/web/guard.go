package web

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// A Guard decides which addresses are called: none of private networks but those that
// it was made for. It may be used concurrently.
type Guard struct {
	Advice string // the next step for who is refused; empty is that of a download

	timeout  time.Duration // of a connection; 0 is none
	all      bool
	prefixes []netip.Prefix
	hosts    map[string]bool // "localhost", "localhost:8080", "10.0.0.1:8080"
}

// NewGuard makes a guard that lets pass what [Config].Private may name. Errors have
// [sdk.CodeInvalid].
func NewGuard(allowed []string) (*Guard, error) {
	g := &Guard{hosts: map[string]bool{}}
	for _, text := range allowed {
		if err := g.allow(strings.ToLower(strings.TrimSpace(text))); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *Guard) allow(text string) error {
	if text == "*" {
		g.all = true
		return nil
	}
	if p, err := netip.ParsePrefix(text); err == nil {
		g.prefixes = append(g.prefixes, p.Masked())
		return nil
	}
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		a = a.Unmap().WithZone("")
		g.prefixes = append(g.prefixes, netip.PrefixFrom(a, a.BitLen()))
		return nil
	}
	if u, err := url.Parse(text); err == nil && strings.TrimSuffix(text, "/") == Origin(u) && checkURL(u) == nil {
		text = net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), usualPort(u.Scheme)))
	}
	if text == "" || strings.ContainsAny(text, "/*@ ") {
		return sdk.Errorf(sdk.CodeInvalid, "'%s' is no host name, address or prefix that may be called of private networks; such are localhost, 10.1.2.3 and 10.0.0.0/8", text)
	}
	g.hosts[text] = true
	return nil
}

// DialContext connects without a proxy. The check comes after DNS, for each address
// that is tried, so a name cannot lead to another one than was looked at.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: g.timeout}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if !g.named(host, port) {
		d.Control = func(_, address string, _ syscall.RawConn) error { return g.checkAddress(host, address) }
	}
	return d.DialContext(ctx, network, address)
}

func (g *Guard) checkAddress(host, address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Error{Host: host, Reason: "leads to no address of the internet"}
	}
	if private(to.Addr()) && !g.allowed(to.Addr()) {
		return g.refused(host, to.Addr())
	}
	return nil
}

// Check looks at what an address says before DNS; through a proxy there is
// nothing else to look at. Names of numbers that are no addresses in Go, such as
// 127.1 and 0x7f000001, are ones elsewhere.
func (g *Guard) Check(u *url.URL) error {
	if err := checkURL(u); err != nil {
		return err
	}
	host, port := strings.ToLower(u.Hostname()), cmp.Or(u.Port(), usualPort(u.Scheme))
	if g.named(host, port) {
		return nil
	}
	name := strings.TrimSuffix(host, ".")
	if a, err := netip.ParseAddr(name); err == nil {
		return g.checkAddress(host, netip.AddrPortFrom(a, 1).String())
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case last == "" || strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x"):
		return &Error{Host: host, Reason: "is neither the name of a host nor an address"}
	case last == "localhost", name == "metadata.google.internal":
		return g.checkNamed(host, name)
	}
	return nil
}

// checkNamed refuses names that mean private addresses by themselves, unless
// those addresses are allowed.
func (g *Guard) checkNamed(host, name string) error {
	means := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if name == "metadata.google.internal" {
		means = netip.AddrFrom4([4]byte{169, 254, 169, 254})
	}
	if g.allowed(means) || g.allowed(netip.IPv6Loopback()) && means.IsLoopback() {
		return nil
	}
	return g.refused(host, means)
}

func (g *Guard) refused(host string, a netip.Addr) error {
	where := "leads to " + a.String() + ", which is"
	if host == a.String() {
		where = "is"
	}
	return &Error{Host: host, Reason: where + " in a private or reserved network; if it shall be called, " + cmp.Or(g.Advice, "add it to the setting download_private")}
}

// named says whether the operator allowed the host by name.
func (g *Guard) named(host, port string) bool {
	host = strings.ToLower(host)
	return g.hosts[host] || g.hosts[net.JoinHostPort(host, port)]
}

// allowed says whether the operator allowed a private address.
func (g *Guard) allowed(a netip.Addr) bool {
	a = embedded(a)
	for _, p := range g.prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return g.all && !metadata(a)
}
