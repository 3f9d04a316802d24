package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// faults are what some requests get instead of an answer.
type faults struct {
	mu  sync.Mutex
	all []*fault
}

type fault struct {
	path   string
	status int
	times  int // left; negative is always
}

func (f *faults) add(text string) error {
	words := strings.Fields(text)
	if len(words) == 2 {
		words = append(words, "-1")
	}
	if len(words) != 3 {
		return fmt.Errorf("%q is not PATH STATUS [TIMES]", text)
	}
	status, err := strconv.Atoi(words[1])
	if err != nil {
		return err
	}
	times, err := strconv.Atoi(words[2])
	f.all = append(f.all, &fault{words[0], status, times})
	return err
}

// next is the fault that a path meets; 0 for none.
func (f *faults) next(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.all {
		if strings.HasPrefix(path, fault.path) && fault.times != 0 {
			fault.times--
			return fault.status
		}
	}
	return 0
}

func (f *faults) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := f.next(r.URL.Path)
		if status == 0 {
			next.ServeHTTP(w, r)
			return
		}
		if status == http.StatusTooManyRequests && !strings.HasPrefix(r.URL.Path, "/google/") {
			w.Header().Set("Retry-After", "1")
		}
		switch {
		case strings.HasPrefix(r.URL.Path, "/anthropic/"):
			anthropicFault(w, status)
		case strings.HasPrefix(r.URL.Path, "/cohere/"):
			cohereFail(w, status, "A fault of the tests.")
		case strings.HasPrefix(r.URL.Path, "/google/"):
			googleFault(w, status)
		default:
			fail(w, status, strconv.Itoa(status), "A fault of the tests.")
		}
	})
}
