package core

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// Another version of a plugin takes the place of the one that runs when all its
// deployments come up with it, beside what runs: then they change over as by a change
// of settings, and what is in flight ends on the old processes. Where one does not
// come up, and would with the old version, nothing changes, and an installed version
// is taken back.

// pluginWatcher follows which versions are installed, and what is being written.
type pluginWatcher struct {
	runtime *Runtime
	events  *fsnotify.Watcher // nil where the system gives none: then only the sweep finds changes
	seen    map[string]pluginhost.Folder
	asked   chan chan struct{} // who waits for a look, which closes it
	cancel  context.CancelFunc
	done    chan struct{}
}

func watchPlugins(r *Runtime) *pluginWatcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &pluginWatcher{runtime: r, seen: r.pluginFolders(), asked: make(chan chan struct{}), cancel: cancel, done: make(chan struct{})}
	dir := filepath.Join(r.home, "plugins")
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		w.events, err = fsnotify.NewWatcher()
	}
	if err == nil {
		err = w.events.Add(dir)
	}
	if err != nil {
		r.log.Warn("plugins folder is not watched; changes are found within a minute", "error", err)
	}
	go w.run(ctx)
	return w
}

// close ends run, and returns when it has ended.
func (w *pluginWatcher) close() {
	w.cancel()
	<-w.done
}

func (w *pluginWatcher) run(ctx context.Context) {
	defer close(w.done)
	var changes <-chan fsnotify.Event
	if w.events != nil {
		defer w.events.Close()
		changes = w.events.Events
		go func() {
			for err := range w.events.Errors { // who waits for it to be taken holds a lock
				w.runtime.log.Warn("plugins folder: events were lost", "error", err)
			}
		}()
	}
	ticker := time.NewTicker(sweep)
	defer ticker.Stop()
	var quiet <-chan time.Time
	for {
		var waiting chan struct{}
		select {
		case <-ctx.Done():
			return
		case e := <-changes:
			if e.Op != fsnotify.Chmod {
				quiet = time.After(settle)
			}
			continue
		case waiting = <-w.asked:
		case <-quiet:
		case <-ticker.C:
		}
		w.look(ctx)
		quiet = nil
		if waiting != nil {
			close(waiting)
		}
	}
}

// follow has the watcher look now, and returns when it has: what is installed has come
// up then, or was refused.
func (w *pluginWatcher) follow(ctx context.Context) error {
	looked := make(chan struct{})
	select {
	case w.asked <- looked:
	case <-w.done:
		return shuttingDown()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-looked:
		return nil
	case <-w.done:
		return shuttingDown()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// look has each plugin change over whose folder is another.
func (w *pluginWatcher) look(ctx context.Context) {
	before, now := w.seen, w.runtime.pluginFolders()
	names := map[string]bool{}
	for _, folders := range []map[string]pluginhost.Folder{before, now} {
		for name := range folders {
			names[name] = before[name] != now[name]
		}
	}
	w.seen = now
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if names[name] && ctx.Err() == nil {
			w.runtime.changePlugin(ctx, name, before[name])
		}
	}
}

// pluginFolders are where the plugins lie that count now, by name.
func (r *Runtime) pluginFolders() map[string]pluginhost.Folder {
	folders := map[string]pluginhost.Folder{}
	for _, p := range r.host.Plugins() {
		folders[p.Name] = p.Folder
	}
	return folders
}

// changePlugin has all that run a plugin change over to the version that counts now.
func (r *Runtime) changePlugin(ctx context.Context, name string, before pluginhost.Folder) {
	plugin, err := r.host.Plugin(name)
	if err == nil {
		err = r.comesUp(ctx, name, before)
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		r.takeBack(ctx, plugin, err)
	}
	event := Event{Type: EventPluginChanged, Plugin: name, Note: plugin.Version}
	if err != nil {
		event.Error = Reason(err)
		r.log.Warn("plugin's version refused", "plugin", name, "version", plugin.Version, "error", err)
	} else {
		r.log.Info("plugin changed", "plugin", name, "version", plugin.Version)
	}
	for _, e := range r.Engines() {
		if e.Plugin == name {
			r.look(ctx, e.ID, true)
		}
	}
	r.events.emit(event)
	r.wakeOffers()
}

// takeBack makes the version before an installed one the current one again. One that is
// being written stays: its author mends it.
func (r *Runtime) takeBack(ctx context.Context, plugin pluginhost.Plugin, why error) {
	if plugin.Digest == "" {
		return
	}
	back, err := install.Refuse(ctx, r.home, plugin.Manifest.Name, plugin.Digest, Reason(why))
	if err != nil {
		r.log.Warn("plugin's version not taken back", "plugin", plugin.Name, "error", err)
		return
	}
	r.plugins.seen[plugin.Name] = pluginhost.Folder{Dir: back.Dir, Digest: back.Digest}
}

// comesUp says whether all deployments of a plugin start with the version that counts
// now; one that does not with that of before either says nothing.
func (r *Runtime) comesUp(ctx context.Context, name string, before pluginhost.Folder) error {
	for _, d := range r.pluginUsers(name) {
		err := r.starts(ctx, d)
		if err == nil {
			continue
		}
		d.Folder = before
		if before.Dir == "" || r.starts(ctx, d) == nil {
			return sdk.Errorf(sdk.CodeOf(err), "with %s it did not come up: %.500v", d.ID, err) // with its last words: who installs it sees no log
		}
	}
	return nil
}

// pluginUsers are the deployments of a plugin that can be used, importers too.
func (r *Runtime) pluginUsers(name string) (all []Deployment) {
	for _, e := range r.Engines() {
		if d, _ := r.written(e.ID); d.Plugin == name && d.Err == nil {
			all = append(all, d)
		}
	}
	for _, in := range r.importers() {
		if in.plugin.Name == name && in.Err == nil {
			all = append(all, in.Deployment)
		}
	}
	return all
}
