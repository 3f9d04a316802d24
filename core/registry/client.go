package registry

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// Config says how registries are called. Its zero value works, and keeps nothing.
type Config struct {
	Cache     string          // folder of the kept indexes; empty: none is kept
	Downloads download.Config // how archives are fetched; indexes come by its proxy, tokens and authorities too
	Log       hclog.Logger    // nil: nobody reads it

	// Now is the time that expiry is held against; nil is that of the machine.
	Now func() time.Time
}

// A Client reads registries. It may be used concurrently.
type Client struct {
	Config
	keeping sync.Mutex // one change of the kept indexes at a time
}

// New makes a client.
func New(c Config) *Client {
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{Config: c}
}

// A Registry is a source whose index was read, and is signed by its key.
type Registry struct {
	Source Source
	Index
	Kept    bool // it could not be had anew; this is the copy of an earlier time
	Expired bool // it counts for what a lock file pins, and for nothing else

	place place
	files signed
}

// WriteIndex puts the index as it was signed, and its signature, into a folder.
func (r *Registry) WriteIndex(dir string) error { return r.files.write(dir) }

// signed is an index as it was read.
type signed struct{ index, signature []byte }

// Indexes reads the indexes of some sources, in their order. One that cannot be had, is
// not signed as it must be, or has expired, is left out; problems says why, and also
// which of those that are there are kept ones.
func (c *Client) Indexes(ctx context.Context, sources []Source) (all []*Registry, problems []error) {
	for _, r := range c.each(ctx, sources, &problems) {
		if !r.Expired {
			all = append(all, r)
			continue
		}
		problems = append(problems, r.expired())
	}
	return all, problems
}

// LockedIndexes are Indexes with those that have expired: where each hash is known
// beforehand, they say where the bytes are.
func (c *Client) LockedIndexes(ctx context.Context, sources []Source) (all []*Registry, problems []error) {
	return c.each(ctx, sources, &problems), problems
}

// each reads all at once: one that does not answer keeps nobody waiting but itself.
func (c *Client) each(ctx context.Context, sources []Source, problems *[]error) (all []*Registry) {
	read, errs := make([]*Registry, len(sources)), make([]error, len(sources))
	var wait sync.WaitGroup
	for i, s := range sources {
		wait.Go(func() { read[i], errs[i] = c.load(ctx, s) })
	}
	wait.Wait()
	for i := range sources {
		if errs[i] != nil {
			*problems = append(*problems, errs[i])
		}
		if read[i] != nil {
			all = append(all, read[i])
		}
	}
	return all
}

// Load reads one index anew: a kept one does not do, nor one that has expired.
func (c *Client) Load(ctx context.Context, s Source) (*Registry, error) {
	r, err := c.load(ctx, s)
	switch {
	case err != nil:
		return nil, err
	case r.Expired:
		return nil, r.expired()
	}
	return r, nil
}

func (r *Registry) expired() error {
	return sdk.Errorf(sdk.CodeUnavailable, "The index of registry %s has expired on %s, so it may be an old one; whoever runs the registry signs a new one with \"enginebay plugin publish\"",
		r.Source.Name, r.Expires.Format(time.DateOnly))
}

// ranged is a client for archives: many connections at once are what makes a download
// fast.
func (c *Client) ranged() *Client {
	config := c.Config
	config.Downloads.Web.HTTP1 = true
	return New(config)
}

// caller makes a client for what the operator named: its own origin may be in a private
// network. Plain http stays on this machine.
func (c *Client) caller(origin string) (*http.Client, error) {
	config := c.Downloads.Web
	if origin != "" {
		config.Private = append([]string{origin}, config.Private...)
	}
	client, err := web.New(config)
	if err != nil {
		return nil, err
	}
	client.Transport = &careful{client.Transport}
	return client, nil
}

// careful calls plain http on this machine only, and hears a demand for a password only
// from whom it asked.
type careful struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper; it sees every hop of a redirect.
func (c *careful) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := plainly(r.URL); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	answer, err := c.next.RoundTrip(r)
	if err == nil && r.Response != nil && web.Origin(r.URL) != web.Origin(first(r).URL) {
		answer.Header.Del("Www-Authenticate")
	}
	return answer, err
}

// CloseIdleConnections is called by that of http.Client.
func (c *careful) CloseIdleConnections() {
	(&http.Client{Transport: c.next}).CloseIdleConnections()
}

// first is the request that redirects have led away from.
func first(r *http.Request) *http.Request {
	for r.Response != nil && r.Response.Request != nil {
		r = r.Response.Request
	}
	return r
}

// plainly refuses http to other machines.
func plainly(u *url.URL) error {
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return sdk.Errorf(sdk.CodeInvalid, "%s is plain http, where everybody can read and change what is sent; use https", web.Public(u.String()))
	}
	return nil
}
