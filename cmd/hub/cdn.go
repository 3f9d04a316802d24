package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// cdn serves the files of LFS to whoever has a signed address.
type cdn struct {
	url    string
	expire time.Duration
	rate   int64 // bytes a second of each answer
	cut    int64 // bytes after which each answer breaks off
	whole  bool  // it knows no ranges

	key   []byte
	files sync.Map // by name of the content
}

func newCDN() *cdn {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return &cdn{key: key}
}

// address is where a file can be had for a while.
func (c *cdn) address(f file, oid string) string {
	c.files.Store(oid, f)
	query := url.Values{"Expires": {strconv.FormatInt(time.Now().Add(c.expire).UnixMilli(), 10)}, "response-content-disposition": {disposition(f)}}
	query.Set("Signature", c.signature(oid, query.Get("Expires")))
	return c.url + "/repos/" + oid[:2] + "/" + oid + "?" + query.Encode()
}

func (c *cdn) signature(oid, expires string) string {
	mac := hmac.New(sha256.New, c.key)
	fmt.Fprintln(mac, oid, expires)
	return hex.EncodeToString(mac.Sum(nil))
}

// ServeHTTP answers a file, and refuses as object stores do: an address that is
// too old, and one that comes with a second way to show who asks.
func (c *cdn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	oid := r.URL.Path[min(len("/repos/ab/"), len(r.URL.Path)):]
	known, ok := c.files.Load(oid)
	expires, _ := strconv.ParseInt(query.Get("Expires"), 10, 64)
	switch {
	case r.Header.Get("Authorization") != "":
		refuse(w, http.StatusBadRequest, "InvalidArgument", "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified")
	case !ok || !hmac.Equal([]byte(query.Get("Signature")), []byte(c.signature(oid, query.Get("Expires")))):
		refuse(w, http.StatusForbidden, "AccessDenied", "Access Denied")
	case time.Now().UnixMilli() > expires:
		refuse(w, http.StatusForbidden, "AccessDenied", "Request has expired")
	default:
		c.serve(w, r, known.(file), oid)
	}
}

func (c *cdn) serve(w http.ResponseWriter, r *http.Request, f file, oid string) {
	if c.whole {
		r.Header.Del("Range")
		w = noRanges{w}
	}
	if c.rate > 0 {
		w = &slow{w, r.Context(), rate.NewLimiter(rate.Limit(c.rate), int(max(c.rate/20, 512)))}
	}
	if c.cut > 0 {
		w = &cutter{w, c.cut}
	}
	w.Header().Set("ETag", `"`+storageName(oid)+`"`)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", r.URL.Query().Get("response-content-disposition"))
	serveFile(w, r, f)
}

// storageName is what the storage calls a file: no SHA-256 of it, as on the real
// hub, whose storage cuts files into pieces.
func storageName(oid string) string {
	sum := sha256.Sum256([]byte("pieces of " + oid))
	return hex.EncodeToString(sum[:])
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}

// slow writes no more than so many bytes a second.
type slow struct {
	http.ResponseWriter
	ctx   context.Context
	limit *rate.Limiter
}

func (s *slow) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), s.limit.Burst())]
		if err := s.limit.WaitN(s.ctx, len(part)); err != nil {
			return n, err
		}
		wrote, err := s.ResponseWriter.Write(part)
		n += wrote
		if err != nil {
			return n, err
		}
		p = p[wrote:]
		_ = http.NewResponseController(s.ResponseWriter).Flush()
	}
	return n, nil
}

// noRanges takes back that ranges can be had.
type noRanges struct{ http.ResponseWriter }

func (w noRanges) WriteHeader(status int) {
	w.Header().Del("Accept-Ranges")
	w.ResponseWriter.WriteHeader(status)
}
