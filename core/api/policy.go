package api

import (
	"cmp"
	"net"
	"net/netip"
	"strings"
	"time"
)

// A Policy is what may change while a Server runs.
type Policy struct {
	Hosts   []string // names besides localhost and addresses that a Host header may say
	Origins []string // pages of other servers that may use this one: https://chat.example, or "*" for all
	MaxBody int      // bytes of a request's body; 0 is 64 MiB

	// KeepResponses is how long a stored response is kept that is in no conversation,
	// after the last one that goes on from it; [core.Forever], and 0 is 30 days.
	KeepResponses time.Duration
}

// policy is a Policy as it is looked up.
type policy struct {
	hosts, origins map[string]bool // in small letters
	maxBody        int
	keepResponses  time.Duration
}

// Apply puts a policy in force for the requests that come after it.
func (s *Server) Apply(p Policy) {
	now := &policy{hosts: map[string]bool{"localhost": true}, origins: map[string]bool{}, maxBody: cmp.Or(p.MaxBody, maxBody), keepResponses: cmp.Or(p.KeepResponses, keepResponses)}
	for _, host := range p.Hosts {
		now.hosts[strings.ToLower(host)] = true
	}
	for _, origin := range p.Origins {
		now.origins[strings.ToLower(strings.TrimSuffix(origin, "/"))] = true
	}
	s.policy.Store(now)
	select {
	case s.applied <- struct{}{}:
	default: // it will be seen
	}
}

// knows says whether a Host header names this server: any IP address (no name
// was needed to get here, so none was rebound), localhost, or a configured name.
func (p *policy) knows(host string) bool {
	if name, _, _ := strings.Cut(host, ":"); p.hosts[name] { // nearly all
		return true
	}
	if _, err := netip.ParseAddrPort(host); err == nil {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	_, err := netip.ParseAddr(name)
	return err == nil || p.hosts[strings.ToLower(name)]
}

// allows says whether pages of that origin may use the server whose Host header
// is host: its own, whatever stands before it for TLS, and those configured.
func (p *policy) allows(origin, host string) bool {
	scheme, own, _ := strings.Cut(origin, "://")
	if (scheme == "http" || scheme == "https") && strings.EqualFold(own, host) {
		return true
	}
	return p.origins["*"] || p.origins[strings.ToLower(origin)]
}

// Exposed says whether other machines can reach an address that is listened on.
func Exposed(a net.Addr) bool {
	addr, err := netip.ParseAddrPort(a.String())
	return err != nil || !addr.Addr().IsLoopback()
}
