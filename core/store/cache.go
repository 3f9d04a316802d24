package store

import (
	"os"
	"sync"
	"time"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// cache remembers what was read of a file by its size and time, so that a look
// at ten thousand folders costs little but their names.
type cache struct {
	mu        sync.Mutex
	manifests map[string]entry[parsed]
	headers   map[string]entry[headed]
}

type entry[T any] struct {
	size     int64
	modified time.Time
	value    T
}

// parsed is what came of a model file.
type parsed struct {
	manifest sdk.Manifest
	warnings schemas.Problems
	err      error
	modified int64 // Unix seconds
}

// headed is what came of the head of a weight file.
type headed struct {
	header *gguf.Header
	err    error
}

func newCache() *cache {
	return &cache{manifests: map[string]entry[parsed]{}, headers: map[string]entry[headed]{}}
}

func (c *cache) manifest(file string, read func() parsed) parsed {
	info, err := os.Stat(file)
	if err != nil {
		return parsed{err: err}
	}
	return remember(c, c.manifests, file, info, func() parsed {
		p := read()
		p.modified = info.ModTime().Unix()
		return p
	})
}

func (c *cache) header(file string) (*gguf.Header, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	h := remember(c, c.headers, file, info, func() headed {
		header, err := gguf.Peek(file)
		return headed{header, err}
	})
	return h.header, h.err
}

func remember[T any](c *cache, known map[string]entry[T], file string, info os.FileInfo, read func() T) T {
	c.mu.Lock()
	e, ok := known[file]
	c.mu.Unlock()
	if ok && e.size == info.Size() && e.modified.Equal(info.ModTime()) {
		return e.value
	}
	value := read()
	c.mu.Lock()
	known[file] = entry[T]{info.Size(), info.ModTime(), value}
	c.mu.Unlock()
	return value
}

// forget drops what is known of files that are no longer there.
func (c *cache) forget(there func(file string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for file := range c.manifests {
		if !there(file) {
			delete(c.manifests, file)
		}
	}
	for file := range c.headers {
		if !there(file) {
			delete(c.headers, file)
		}
	}
}
