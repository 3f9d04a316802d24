package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// faults are what requests are to meet.
type faults struct {
	mu  sync.Mutex
	all []*planned
}

// planned is a fault of the command line.
type planned struct {
	prefix, kind string
	left         int // requests that it is for; negative: all
}

var kinds = map[string]bool{"drop": true, "half": true, "hang": true, "html": true, "garbage": true, "endless": true}

// add reads 'PATH KIND [TIMES]'.
func (f *faults) add(text string) error {
	words := strings.Fields(text)
	if len(words) < 2 || len(words) > 3 {
		return fmt.Errorf("%q is not 'PATH KIND [TIMES]'", text)
	}
	p := &planned{prefix: words[0], kind: words[1], left: -1}
	if status, err := strconv.Atoi(p.kind); !kinds[p.kind] && (err != nil || status < 400 || status > 599) {
		return fmt.Errorf("%q is no fault", p.kind)
	}
	if len(words) == 3 {
		times, err := strconv.Atoi(words[2])
		if err != nil || times < 1 {
			return fmt.Errorf("%q is no number of times", words[2])
		}
		p.left = times
	}
	f.all = append(f.all, p)
	return nil
}

// next is the fault of a request for a path.
func (f *faults) next(path string) (kind string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.all {
		if strings.HasPrefix(path, p.prefix) && p.left != 0 {
			p.left--
			return p.kind, true
		}
	}
	return "", false
}

// fault answers a request as the kind of fault says.
func fault(w http.ResponseWriter, r *http.Request, kind string, next http.Handler) {
	switch kind {
	case "drop":
		panic(http.ErrAbortHandler)
	case "half":
		next.ServeHTTP(&cutter{ResponseWriter: w, left: 100}, r)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "hang":
		<-r.Context().Done()
	case "html":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!doctype html><html><head><title>Log in to this network</title></head><body><form method=post></form></body></html>")
	case "garbage":
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"id": `)
	case "endless":
		w.Header().Set("Content-Type", "application/json")
		for space := []byte(strings.Repeat(" ", 32<<10)); r.Context().Err() == nil; {
			if _, err := w.Write(space); err != nil {
				return
			}
		}
	default:
		status, _ := strconv.Atoi(kind)
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		answer(w, status, map[string]string{"error": http.StatusText(status)})
	}
}

// cutter writes so many bytes and ends the connection then.
type cutter struct {
	http.ResponseWriter
	left int64
}

func (c *cutter) Write(p []byte) (int, error) {
	if int64(len(p)) < c.left {
		c.left -= int64(len(p))
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}
