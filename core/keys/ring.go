package keys

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// note is how often at most the file learns when keys were used last.
const note = time.Minute

// Why a key does not open.
var (
	ErrNone    = errors.New("there are no keys")
	ErrUnknown = errors.New("unknown key")
	ErrExpired = errors.New("expired key")
)

// A Ring is the keys in use by a server. It looks at the file at each use, which
// takes less than a microsecond: what another process changes counts from then on.
// Make it with Open; all methods may be called concurrently.
type Ring struct {
	file  string
	log   hclog.Logger
	held  atomic.Pointer[held]
	mu    sync.Mutex // held while the file is read
	noted atomic.Int64
	notes sync.WaitGroup
}

// held is the file as it was read.
type held struct {
	info os.FileInfo // nil: there was none
	keys map[index8]*Entry
}

// index8 is the first bytes of a hash. How long it takes to find them says nothing
// of use: nobody can make a key whose hash begins as wanted.
type index8 [8]byte

// Open reads the file, which need not be there. A broken one is an error; one that
// breaks later is told to the log, and the keys that were there stay.
func Open(file string, log hclog.Logger) (*Ring, error) {
	r := &Ring{file: file, log: log}
	r.held.Store(&held{})
	return r, r.load()
}

// Len is how many keys there are, those that have expired included.
func (r *Ring) Len() int { return len(r.now().keys) }

// Find returns the entry of a key. [ErrNone], [ErrUnknown], [ErrExpired].
func (r *Ring) Find(secret []byte, now time.Time) (*Entry, error) {
	keys := r.now().keys
	switch {
	case len(keys) == 0:
		return nil, ErrNone
	case len(secret) != length:
		return nil, ErrUnknown
	}
	sum := sha256.Sum256(secret)
	e := keys[index8(sum[:])]
	if e == nil || subtle.ConstantTimeCompare(sum[:], e.sum[:]) != 1 {
		return nil, ErrUnknown
	}
	if e.Expired(now) {
		return nil, ErrExpired
	}
	e.used.Store(now.Unix())
	if last := r.noted.Load(); now.UnixNano()-last > int64(note) && r.noted.CompareAndSwap(last, now.UnixNano()) {
		r.notes.Go(r.note)
	}
	return e, nil
}

// Close writes down when keys were used last. No Find may come after it.
func (r *Ring) Close() {
	r.notes.Wait()
	r.note()
}

// now is the keys as the file has them.
func (r *Ring) now() *held {
	h := r.held.Load()
	info, err := os.Stat(r.file)
	if err == nil && h.info != nil && os.SameFile(info, h.info) && info.ModTime().Equal(h.info.ModTime()) && info.Size() == h.info.Size() {
		return h
	}
	if errors.Is(err, fs.ErrNotExist) && h.info == nil {
		return h
	}
	if err := r.load(); err != nil {
		r.log.Error("API keys not read; those that were read before stay", "error", err)
	}
	return r.held.Load()
}

// load reads the file. Keys that stay keep their counts.
func (r *Ring) load() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(r.file) // before it is read: a change between the two is read once more
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the API keys: %w", err)
	}
	before := r.held.Load().keys
	all, err := read(r.file)
	if err != nil {
		r.held.Store(&held{info, before}) // it is not read again before it changes
		return err
	}
	keys := make(map[index8]*Entry, len(all))
	for _, k := range all {
		sum, _ := k.sum() // read has looked
		e := before[index8(sum[:])]
		if e == nil || !e.same(k) {
			e = newEntry(k, sum)
		}
		keys[index8(sum[:])] = e
	}
	r.held.Store(&held{info, keys})
	return nil
}

// note writes the times of last use into the file, where there are newer ones.
func (r *Ring) note() {
	newer := false
	used := r.held.Load().keys
	err := edit(r.file, func(all []Key) ([]Key, error) {
		for i, k := range all {
			sum, _ := k.sum()
			if e := used[index8(sum[:])]; e != nil && e.used.Load() > k.LastUsed.Unix() {
				all[i].LastUsed, newer = time.Unix(e.used.Load(), 0).UTC(), true
			}
		}
		if !newer {
			return nil, nil
		}
		return all, nil
	})
	if err != nil {
		r.log.Warn("it is not written down when API keys were used", "error", err)
	}
}
