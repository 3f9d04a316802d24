package core

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long the folder of deployments must be quiet before it is read:
	// an editor may write a file in several steps.
	settle = 150 * time.Millisecond
	// patience bounds the wait for a folder that is never quiet.
	patience = time.Second
	// sweep is how often it is looked at for what the system did not tell.
	sweep = time.Minute
)

// watcher follows the files of deployments.
type watcher struct {
	runtime *Runtime
	events  *fsnotify.Watcher // nil where the system gives none: then only the sweep finds changes
	seen    map[string]mark   // by file name
	cancel  context.CancelFunc
	done    chan struct{}
}

// mark is what tells one state of a file from another.
type mark struct {
	size    int64
	changed time.Time
}

// markOf is that of a file; empty where there is none.
func markOf(file string) mark {
	info, err := os.Stat(file)
	if err != nil {
		return mark{}
	}
	return mark{info.Size(), info.ModTime()}
}

// watch begins to follow what changes from now on.
func watch(r *Runtime) *watcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{runtime: r, cancel: cancel, done: make(chan struct{})}
	events, err := fsnotify.NewWatcher()
	if err == nil {
		w.events = events
		err = w.add()
	}
	if err != nil {
		r.log.Warn("engines folder is not watched; changes are found within a minute", "error", err)
	}
	w.seen = w.marks()
	go w.run(ctx)
	return w
}

// add watches the folder, also when it has come anew.
func (w *watcher) add() error {
	if w.events == nil {
		return nil
	}
	if err := os.MkdirAll(w.runtime.deployments, 0o700); err != nil {
		return err
	}
	return w.events.Add(w.runtime.deployments)
}

// close ends run, and returns when it has ended.
func (w *watcher) close() {
	w.cancel()
	<-w.done
}

// marks are those of all files.
func (w *watcher) marks() map[string]mark {
	all := map[string]mark{}
	entries, _ := os.ReadDir(w.runtime.deployments)
	for _, entry := range entries {
		if name := entry.Name(); isDeploymentFile(name) {
			all[name] = markOf(filepath.Join(w.runtime.deployments, name))
		}
	}
	return all
}

func isDeploymentFile(name string) bool {
	id, ok := strings.CutSuffix(name, ".json")
	return ok && isEngineID(id)
}

func (w *watcher) run(ctx context.Context) {
	defer close(w.done)
	var changes <-chan fsnotify.Event
	if w.events != nil {
		defer w.events.Close()
		changes = w.events.Events
		go w.faults()
	}
	ticker := time.NewTicker(sweep)
	defer ticker.Stop()
	pending := map[string]bool{}
	var quiet, first <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-changes:
			name := filepath.Base(e.Name)
			if e.Op == fsnotify.Chmod || !isDeploymentFile(name) {
				continue
			}
			if len(pending) == 0 {
				first = time.After(patience)
			}
			pending[name], quiet = true, time.After(settle)
			continue
		case <-quiet:
		case <-first:
		case <-ticker.C:
			_ = w.add() // what it could not do is said already
		}
		w.read(ctx, pending)
		pending, quiet, first = map[string]bool{}, nil, nil
	}
}

// faults lets no error of the system stand: who waits for it to be taken holds a lock.
func (w *watcher) faults() {
	for err := range w.events.Errors {
		w.runtime.log.Warn("engines folder: events were lost", "error", err)
	}
}

// read looks at the files that changed, by their events or by their looks.
func (w *watcher) read(ctx context.Context, changed map[string]bool) {
	before, now := w.seen, w.marks()
	for name := range before {
		if _, there := now[name]; !there {
			changed[name] = true
		}
	}
	for name, looks := range now {
		if looks != before[name] {
			changed[name] = true
		}
	}
	w.seen = now
	for name := range changed {
		if ctx.Err() == nil {
			w.runtime.look(ctx, strings.TrimSuffix(name, ".json"), true)
		}
	}
}
