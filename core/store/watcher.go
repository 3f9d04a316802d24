package store

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/hashicorp/go-hclog"
)

const (
	// settle is how long a folder must be quiet before it is read again: a copy
	// or an unpacking makes many events.
	settle = 150 * time.Millisecond
	// patience bounds the wait for a folder that is never quiet.
	patience = time.Second
	// sweep is how often everything is read again, for what the system did not
	// tell: network file systems, a full event queue, too many folders to watch,
	// a folder that has a second name.
	sweep = time.Minute
)

// watcher follows the folders of models.
type watcher struct {
	log    hclog.Logger
	events *fsnotify.Watcher // nil where the system gives none: then only the sweep finds changes
	full   sync.Once
	stop   chan struct{}
	done   chan struct{}
}

func newWatcher(log hclog.Logger) *watcher {
	w := &watcher{log: log, stop: make(chan struct{}), done: make(chan struct{})}
	events, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("models folder is not watched; changes are found within a minute", "error", err)
		return w
	}
	w.events = events
	return w
}

// add watches a folder. It comes before the folder is read, so that no change
// falls between the two.
func (w *watcher) add(dir string) {
	if w.events == nil {
		return
	}
	if err := w.events.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.full.Do(func() {
			w.log.Warn("not every model folder is watched; changes in the others are found within a minute", "error", err)
		})
	}
}

// forget ends the watching of a folder that moves away, and of those below it: they
// would go on under its old name.
func (w *watcher) forget(dir string) {
	if w.events == nil {
		return
	}
	for _, watched := range w.events.WatchList() {
		if watched == dir || within(watched, dir) {
			_ = w.events.Remove(watched)
		}
	}
}

// close ends run, and returns when it has ended.
func (w *watcher) close() {
	close(w.stop)
	<-w.done
}

// run reads what changes again until close.
func (w *watcher) run(s *Store) {
	defer close(w.done)
	for _, m := range s.Models() {
		m.JSON() // now, so that the first list of ten thousand need not wait for it
	}
	var changes <-chan fsnotify.Event
	var faults <-chan error
	if w.events != nil {
		defer w.events.Close()
		changes, faults = w.events.Events, latest(w.events.Errors)
	}
	ticker := time.NewTicker(sweep)
	defer ticker.Stop()
	pending := map[place]bool{}
	var quiet, first, lost <-chan time.Time
	report := func(err error) {
		if err != nil {
			w.log.Warn("models folder not read", "error", err)
		}
	}
	read := func() {
		report(s.rescan(slices.Collect(maps.Keys(pending))...))
		pending, quiet, first = map[place]bool{}, nil, nil
	}
	for {
		select {
		case <-w.stop:
			return
		case e := <-changes:
			r := s.rootOf(e.Name)
			if e.Name == r.dir && (e.Has(fsnotify.Create) || e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)) {
				w.forget(r.dir)
				lost = time.After(settle)
				continue
			}
			name, ok := topFolder(r.dir, e)
			if !ok {
				continue
			}
			if e.Has(fsnotify.Rename) {
				w.forget(e.Name)
			}
			if len(pending) == 0 {
				first = time.After(patience)
			}
			pending[place{r, name}] = true
			quiet = time.After(settle)
		case <-quiet:
			read()
		case <-first:
			read()
		case <-s.drops.again.C:
			report(s.rescan(s.drops.due()...))
		case <-lost: // a root itself has gone, or come; one may come in its place
			lost = nil
			if s.Scan() != nil {
				lost = time.After(patience)
			}
		case err := <-faults:
			w.log.Warn("models folder: events were lost", "error", err)
			report(s.Scan())
		case <-ticker.C:
			report(s.Scan())
		}
	}
}

// latest takes errors as they come and passes on one for all that come meanwhile.
// fsnotify holds its lock until an error is taken (a folder that was moved and
// removed is one), and who reads the folders wants that lock.
func latest(errors <-chan error) <-chan error {
	last := make(chan error, 1)
	go func() {
		for err := range errors {
			select {
			case last <- err:
			default:
			}
		}
	}()
	return last
}

// topFolder is the name at the top of a root that an event belongs to.
// Hidden files are not listed: what a download writes into one is no change.
func topFolder(models string, e fsnotify.Event) (name string, ok bool) {
	rel, err := filepath.Rel(models, e.Name)
	if err != nil || rel == "." || e.Op == fsnotify.Chmod {
		return "", false
	}
	rel = filepath.ToSlash(rel)
	return top(rel), !strings.HasPrefix(rel, ".") && !strings.Contains(rel, "/.")
}
