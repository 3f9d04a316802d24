package store

import (
	"errors"
	"os"
	"reflect"
	"sync"
	"syscall"
	"time"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// tick is how coarse the clock of a file system may be. What was changed less
// than that before it was read may change again and keep its size and time.
const tick = 2 * time.Second

// cache remembers what was read of a file by its size and time, so that a look
// at ten thousand folders costs little but their names.
type cache struct {
	manifests memory[parsed]
	headers   memory[headed]
	archives  memory[bool] // whether they hold a model
}

// parsed is what came of a model file.
type parsed struct {
	manifest sdk.Manifest
	warnings schemas.Problems
	err      error
	modified int64             // Unix seconds
	places   []schemas.Problem // of the targets, without what is wrong with them
}

// headed is what came of the head of a weight file.
type headed struct {
	header *gguf.Header
	err    error
}

// forget drops what was not asked for since the last time.
func (c *cache) forget() {
	c.manifests.forget()
	c.headers.forget()
	c.archives.forget()
}

// memory keeps what came of files.
type memory[T any] struct {
	mu    sync.Mutex
	known map[string]*entry[T]
}

type entry[T any] struct {
	info  os.FileInfo // of the file when it was read
	read  time.Time
	asked bool // since the last forget
	value *T
}

// of returns what read makes of a file, or made of it before; it is the same
// pointer as long as the same comes of it. The error that read returns beside its value is not passed on.
func (k *memory[T]) of(file string, read func(os.FileInfo) (*T, error)) (*T, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	e, ok := k.known[file]
	if ok {
		e.asked = true
	}
	k.mu.Unlock()
	if ok && e.holds(info) {
		return e.value, nil
	}
	now := time.Now()
	value, err := read(info)
	if errno := syscall.Errno(0); errors.As(err, &errno) { // a permission may be given without a trace in size and time
		return value, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = map[string]*entry[T]{}
	}
	if ok && reflect.DeepEqual(value, e.value) { // read again for fear of a change that was none
		value = e.value
	}
	k.known[file] = &entry[T]{info: info, read: now, asked: true, value: value}
	return value, nil
}

func (e *entry[T]) holds(info os.FileInfo) bool {
	return e.info.Size() == info.Size() && e.info.ModTime().Equal(info.ModTime()) && os.SameFile(e.info, info) &&
		e.read.Sub(info.ModTime()) > tick
}

func (k *memory[T]) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for file, e := range k.known {
		if !e.asked {
			delete(k.known, file)
		}
		e.asked = false
	}
}
