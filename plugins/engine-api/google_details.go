package main

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/tidwall/gjson"
)

// googleErrors puts what Google says in the details of an error, and others in
// headers, where the line looks for it: how long to wait, the request's id, and that
// a key is wrong, which Google calls an argument.
type googleErrors struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (g googleErrors) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := g.next.RoundTrip(r)
	if err != nil || resp.StatusCode < 400 {
		return resp, err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
	if err != nil && r.Context().Err() != nil {
		resp.Body.Close()
		return nil, err
	}
	resp.StatusCode = googleDetails(resp.Header, resp.StatusCode, text)
	resp.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(text), resp.Body}
	return resp, nil
}

// googleDetails adds to the header of an error, and returns its status.
func googleDetails(header http.Header, status int, text []byte) int {
	if !gjson.ValidBytes(text) {
		return status
	}
	said := gjson.ParseBytes(text)
	if said.IsArray() { // that of a stream which is no event stream
		said = said.Get("0")
	}
	for _, detail := range said.Get("error.details").Array() {
		if id := detail.Get("requestId").Str; ids.MatchString(id) && header.Get("X-Request-Id") == "" {
			header.Set("X-Request-Id", id)
		}
		if wait, err := time.ParseDuration(detail.Get("retryDelay").Str); err == nil && wait >= 0 && header.Get("Retry-After") == "" {
			header.Set("Retry-After", strconv.FormatFloat(wait.Seconds(), 'f', 3, 64))
		}
		if detail.Get("reason").Str == "API_KEY_INVALID" {
			status = http.StatusUnauthorized
		}
	}
	return status
}
