package web

import (
	"net/http"
	"net/url"
	"slices"
)

const maxRedirects = 10

// kept are the headers that go along to another origin. Whatever else a caller
// set may be a credential: net/http takes care of three well-known names, keeps
// them for other ports of the same host, and sends all others everywhere.
var kept = []string{"Accept", "Accept-Encoding", "Accept-Language", "Range", "If-Range", "If-None-Match", "If-Modified-Since", "User-Agent"}

// checkRedirect decides on the next hop; its address itself is checked by the
// caller, as that of the first request is.
func checkRedirect(next *http.Request, via []*http.Request) error {
	first, last := via[0].URL, via[len(via)-1].URL
	refuse := func(why string) error {
		return &Error{Host: last.Host, Reason: "redirects " + why}
	}
	if err := checkURL(next.URL); err != nil {
		return err
	}
	switch {
	case len(via) > maxRedirects:
		return refuse("more than ten times")
	case last.Scheme == "https" && next.URL.Scheme != "https":
		return refuse("from https to plain http, where everybody can read and change what is sent")
	case slices.ContainsFunc(via, func(r *http.Request) bool { return r.Method == next.Method && r.URL.String() == next.URL.String() }):
		return refuse("in a circle")
	}
	next.Header.Del("Referer") // the query of an address may be a credential
	away := func(u *url.URL) bool { return Origin(u) != Origin(first) }
	if !away(next.URL) && !slices.ContainsFunc(via, func(r *http.Request) bool { return away(r.URL) }) {
		return nil
	}
	if next.Body != nil && next.Body != http.NoBody {
		return refuse("what was sent to it to another address")
	}
	for name := range next.Header {
		if !slices.Contains(kept, name) {
			next.Header.Del(name)
		}
	}
	return nil
}
