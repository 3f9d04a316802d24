package web

import (
	"net/netip"
	"slices"
)

// unicast is all of the internet's IPv6; whatever is outside of it (loopback,
// fc00::/7, link-local, multicast, IPv4-compatible) leads nowhere public.
var unicast = netip.MustParsePrefix("2000::/3")

// nat64 has an IPv4 address in its last four bytes (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// special are the networks without public hosts, by the registries of IANA
// (RFC 6890). Go's IsPrivate and IsGlobalUnicast leave out most of them.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23",     // protocols, Teredo among them, which embeds IPv4 addresses
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4, which embeds IPv4 addresses and is given up
	"3fff::/20",     // documentation
)

// services are the addresses at which clouds hand credentials to whoever asks
// from inside a machine. That of Azure is in public space.
var services = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("169.254.170.2"), netip.MustParseAddr("169.254.170.23"),
	netip.MustParseAddr("168.63.129.16"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("192.0.0.192"),
	netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd00:ec2::23"), netip.MustParseAddr("fd20:ce::254"),
}

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// private says whether an address is of no public host.
func private(a netip.Addr) bool {
	a = embedded(a)
	return metadata(a) || a.Is6() && !unicast.Contains(a) || slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

func metadata(a netip.Addr) bool { return slices.Contains(services, a) }

// embedded is the address that is meant: an IPv4 address inside of an IPv6 one
// that only carries it, and no zone.
func embedded(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		all := a.As16()
		a = netip.AddrFrom4([4]byte(all[12:]))
	}
	return a
}
