package download

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/enginebay/enginebay/sdk"
)

// targets are the paths that somebody in this process is busy with.
var targets = struct {
	sync.Mutex
	all map[string]*target
}{all: map[string]*target{}}

// A target is a path with what this process does about it.
type target struct {
	path  string
	users int           // in targets; guarded by its lock
	turn  chan struct{} // holds one while a Fetch is at it

	mu     sync.Mutex // of the journal on disk
	paused bool       // what every journal says from now on
}

// hold finds the target of a path; letGo ends that.
func hold(path string) *target {
	path = filepath.Clean(path)
	targets.Lock()
	defer targets.Unlock()
	t := targets.all[path]
	if t == nil {
		t = &target{path: path, turn: make(chan struct{}, 1)}
		targets.all[path] = t
	}
	t.users++
	return t
}

func (t *target) letGo() {
	targets.Lock()
	defer targets.Unlock()
	if t.users--; t.users == 0 {
		delete(targets.all, t.path)
	}
}

// enter waits until no other Fetch is at the target; leave ends that.
func (t *target) enter(ctx context.Context) error {
	select {
	case t.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *target) leave() { <-t.turn }

// write replaces the journal.
func (t *target) write(j journal) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	j.Paused = t.paused
	return j.write(t.path)
}

// pause says what journals say from now on.
func (t *target) pause(paused bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paused = paused
}

// Partial tells what there is of a target that was not fetched to its end, also
// while it is being fetched, then up to a second old. It reads the journal alone.
// total is 0 where the length is not known. ok is false where there is nothing to
// go on with.
func Partial(path string) (done, total int64, paused, ok bool) {
	j, ok := readJournal(path)
	if !ok {
		return 0, 0, false, false
	}
	if _, err := os.Lstat(path); err == nil { // it was renamed, and then the power went
		if _, err := os.Lstat(partName(path)); err != nil {
			return 0, 0, false, false
		}
	}
	return j.Done.size(), j.Size, j.Paused, true
}

// Pause marks a partial as one that is not to be resumed by itself; the next Fetch
// ends that. A Fetch that is under way is not stopped by it: its context does that,
// before or after. Without a partial there is nothing to do.
func Pause(path string) error {
	t := hold(path)
	defer t.letGo()
	t.mu.Lock()
	defer t.mu.Unlock()
	j, ok := readJournal(path)
	if !ok {
		return nil
	}
	t.paused, j.Paused = true, true
	return j.write(t.path)
}

// Discard removes the partial and its journal. It waits for no Fetch: while one is
// at the target, the error has [sdk.CodeUnavailable].
func Discard(path string) error {
	t := hold(path)
	defer t.letGo()
	select {
	case t.turn <- struct{}{}:
		defer t.leave()
	default:
		return sdk.Errorf(sdk.CodeUnavailable, "'%s' is being downloaded; cancel that first", filepath.Base(path))
	}
	if f, err := os.OpenFile(partName(t.path), os.O_RDWR, 0); err == nil {
		free := lock(f)
		f.Close()
		if !free {
			return elsewhere(path)
		}
	}
	return t.discard()
}

// discard removes first what claims, then what was claimed.
func (t *target) discard() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := errors.Join(remove(journalName(t.path)), remove(journalName(t.path)+".new"))
	return errors.Join(err, remove(partName(t.path)))
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
