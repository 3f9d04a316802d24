package download

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"sync"
)

// A source is an address that a file is fetched from, and where it led last. The
// latter is asked directly, until it refuses: addresses that a catalogue's server
// signs expire.
type source struct {
	http    *http.Client
	address string

	mu    sync.Mutex
	final string
}

// sources are the address of a file and what its mirrors make of it, in order.
func sources(address string, mirrors map[string][]string) []string {
	all := []string{address}
	var prefixes []string
	for prefix := range mirrors {
		if rest, ok := strings.CutPrefix(address, prefix); ok && (rest == "" || strings.HasSuffix(prefix, "/") || strings.ContainsAny(rest[:1], "/?")) {
			prefixes = append(prefixes, prefix)
		}
	}
	sort.Slice(prefixes, func(i, j int) bool { return len(prefixes[i]) > len(prefixes[j]) })
	for _, prefix := range prefixes {
		for _, other := range mirrors[prefix] {
			rest := strings.TrimPrefix(address, prefix)
			all = append(all, strings.TrimSuffix(other, "/")+"/"+strings.TrimPrefix(rest, "/"))
		}
	}
	return all
}

// ask requests some bytes, or with none given all of them. The caller closes the
// body of the answer.
func (s *source) ask(ctx context.Context, asked *span, v version) (*answer, error) {
	if final := s.led(); final != "" {
		a, err := s.call(ctx, final, asked, v)
		if err == nil || !s.expired(err, final) {
			return a, err
		}
	}
	return s.call(ctx, s.address, asked, v)
}

func (s *source) led() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.final
}

// expired says whether the same may go well at the first address: one that served
// for a while refuses then. A server that is busy is left alone, one that does not
// answer is asked for no more.
func (s *source) expired(err error, final string) bool {
	var fault *passing
	if errors.As(err, &fault) && fault.busy || err == errPlain || err == errChanged {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.final == final {
		s.final = ""
	}
	return fault == nil
}

func (s *source) call(ctx context.Context, address string, asked *span, v version) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("read the address: %w", err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	if asked != nil {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", asked.From, asked.To-1))
		if tag := v.condition(); tag != "" {
			req.Header.Set("If-Range", tag)
		}
	}
	resp, err := s.http.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, unanswered(err, s.address)
	}
	a, err := read(resp, asked, s.address)
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	if resp.Request.Response != nil {
		s.mu.Lock()
		s.final = resp.Request.URL.String()
		s.mu.Unlock()
	}
	return a, nil
}

// condition is what a server may compare; a weak tag says nothing of bytes.
func (v version) condition() string {
	if v.ETag != "" && !strings.HasPrefix(v.ETag, "W/") {
		return v.ETag
	}
	if v.ETag != "" {
		return ""
	}
	return v.Modified
}
