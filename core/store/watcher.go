package store

import (
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long a folder must be quiet before it is read again: a copy
	// or an unpacking makes many events.
	settle = 150 * time.Millisecond
	// patience bounds the wait for a folder that is never quiet.
	patience = time.Second
	// sweep is how often everything is read again, for what the system did not
	// tell: network file systems, a full event queue, too many folders to watch.
	sweep = time.Minute
)

// watcher follows the models folder.
type watcher struct {
	store  *Store
	events *fsnotify.Watcher // nil where the system gives none: then only the sweep finds changes
	stop   chan struct{}
	done   chan struct{}
}

func follow(s *Store) *watcher {
	w := &watcher{store: s, stop: make(chan struct{}), done: make(chan struct{})}
	events, err := fsnotify.NewWatcher()
	if err == nil {
		err = events.Add(s.dir)
	}
	if err != nil {
		s.log.Warn("models folder is not watched; changes are found within a minute", "error", err)
	} else {
		w.events = events
	}
	go w.run()
	return w
}

func (w *watcher) close() {
	close(w.stop)
	<-w.done
}

func (w *watcher) run() {
	defer close(w.done)
	var changes <-chan fsnotify.Event
	var faults <-chan error
	if w.events != nil {
		defer w.events.Close()
		changes, faults = w.events.Events, w.events.Errors
		w.watchTree(w.store.dir)
	}
	ticker := time.NewTicker(sweep)
	defer ticker.Stop()
	pending := map[string]bool{}
	var quiet, first <-chan time.Time
	read := func() {
		w.store.rescan(pending)
		pending, quiet, first = map[string]bool{}, nil, nil
	}
	for {
		select {
		case <-w.stop:
			return
		case e := <-changes:
			if name, ok := w.folder(e); ok {
				if len(pending) == 0 {
					first = time.After(patience)
				}
				pending[name] = true
				quiet = time.After(settle)
			}
		case <-quiet:
			read()
		case <-first:
			read()
		case err := <-faults:
			w.store.log.Warn("models folder: events were lost", "error", err)
			w.scan()
		case <-ticker.C:
			w.scan()
		}
	}
}

func (w *watcher) scan() {
	if err := w.store.Scan(); err != nil {
		w.store.log.Warn("models folder not read", "error", err)
	}
	if w.events != nil {
		w.watchTree(w.store.dir)
	}
}

// folder is the top-level folder that an event belongs to; "" for a loose file.
// New folders are watched from here on.
func (w *watcher) folder(e fsnotify.Event) (name string, ok bool) {
	rel, err := filepath.Rel(w.store.dir, e.Name)
	if err != nil || rel == "." || e.Op == fsnotify.Chmod {
		return "", false
	}
	top, _, inside := strings.Cut(filepath.ToSlash(rel), "/")
	if strings.HasPrefix(top, ".") {
		return "", false
	}
	if e.Has(fsnotify.Create) {
		w.watchTree(e.Name)
	}
	if !inside && isWeight(top) {
		return "", true
	}
	return top, true
}

// watchTree watches a folder and those below it. A folder that cannot be watched
// is found by the sweep.
func (w *watcher) watchTree(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if path != w.store.dir && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		_ = w.events.Add(path)
		if rel, err := filepath.Rel(w.store.dir, path); err == nil && strings.Count(filepath.ToSlash(rel), "/")+1 >= maxDepth && rel != "." {
			return fs.SkipDir
		}
		return nil
	})
}
