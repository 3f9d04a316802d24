package egress

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk/web"
)

// Rules say which hosts a plugin reaches.
type Rules struct {
	// Hosts are those that the plugin's permissions name: "huggingface.co",
	// "*.hf.co" (what is below it), "example.com:8443", or "*" for all. Where no port
	// is named it is 443, or 80. They are never in a private network.
	Hosts []string

	// Named are the operator's: origins ("http://10.0.0.5:8080"), hosts at any port, hosts
	// with a port, addresses, prefixes ("10.0.0.0/8"). They may be in a private network.
	Named []string
}

// host is a pattern of one.
type host struct {
	name string // in lower case; "*.x" is all below x, "*" all
	port string // "*" is any; empty is that of the web
}

// allowed are rules that were read.
type allowed struct {
	hosts    []host
	prefixes []netip.Prefix
	guard    *web.Guard
}

func (r Rules) read() (*allowed, error) {
	a := &allowed{}
	for _, text := range r.Hosts {
		a.hosts = append(a.hosts, read(text, ""))
	}
	var private []string
	for _, text := range r.Named {
		text = strings.TrimSpace(text)
		if prefix, err := netip.ParsePrefix(text); err == nil {
			a.prefixes = append(a.prefixes, prefix.Masked())
			private = append(private, text)
			continue
		}
		named := origin(text)
		a.hosts = append(a.hosts, named)
		if named.name == "*" || !strings.Contains(named.name, "*") { // of others nobody knows which are meant
			private = append(private, named.private())
		}
	}
	var err error
	if a.guard, err = web.NewGuard(private); err == nil {
		a.guard.Advice = `name it as "network" of "sandbox" in the file of the importer or engine, or where it has a setting for its address, there`
	}
	return a, err
}

// origin reads what an operator wrote, which may be an address with a path.
func origin(text string) host {
	if u, err := url.Parse(text); err == nil && u.Hostname() != "" {
		return host{strings.ToLower(u.Hostname()), cmp.Or(u.Port(), map[string]string{"https": "443", "http": "80"}[u.Scheme], "*")}
	}
	return read(text, "*")
}

// read reads a host, with its port where it has one.
func read(text, port string) host {
	text = strings.ToLower(text)
	if name, p, err := net.SplitHostPort(text); err == nil {
		return host{name, p}
	}
	return host{strings.Trim(text, "[]"), port}
}

// private is the host as the guard takes it.
func (h host) private() string {
	if _, err := netip.ParseAddr(h.name); h.port == "*" || err != nil && h.port == "" {
		return h.name
	}
	return net.JoinHostPort(h.name, h.port)
}

func (h host) matches(name, port string) bool {
	switch h.port {
	case "*":
	case "":
		if port != "443" && port != "80" {
			return false
		}
	default:
		if port != h.port {
			return false
		}
	}
	below, isBelow := strings.CutPrefix(h.name, "*.")
	return h.name == "*" || h.name == name || isBelow && strings.HasSuffix(name, "."+below)
}

// passes says whether an address may be reached: a sentence that begins after the host's
// name says why not.
func (a *allowed) passes(scheme, name, port string) error {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	u := &url.URL{Scheme: scheme, Host: net.JoinHostPort(name, port)}
	address, err := netip.ParseAddr(name)
	named := slices.ContainsFunc(a.hosts, func(h host) bool { return h.matches(name, port) }) ||
		err == nil && slices.ContainsFunc(a.prefixes, func(p netip.Prefix) bool { return p.Contains(address.Unmap()) })
	if !named {
		return &web.Error{Host: strings.TrimSuffix(u.Host, ":443"), Reason: `is not among the hosts that the plugin may reach (permissions.network of its plugin.json); where it shall, name it as "network" of "sandbox" in the file of the importer or engine`}
	}
	return a.guard.Check(u)
}
