package core

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
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
	events  *fsnotify.Watcher            // nil where the system gives none: then only the sweep finds changes
	seen    map[string]pluginhost.Folder // looked at last; belongs to run
	asked   chan chan struct{}           // who waits for a look, which closes it
	cancel  context.CancelFunc
	done    chan struct{}

	mu    sync.Mutex
	works map[string]pluginhost.Folder // came up last, or was there from the start
}

// newPluginWatcher knows what is there now. It follows what changes from then on, and
// what was changed when a server had no time to try it.
func newPluginWatcher(r *Runtime) *pluginWatcher {
	w := &pluginWatcher{runtime: r, seen: r.pluginFolders(), asked: make(chan chan struct{}), done: make(chan struct{})}
	proven, _ := install.Proven(r.home) // what cannot be read is told by whoever changes it
	for _, f := range proven {
		if w.seen[f.Name].Digest != "" {
			w.seen[f.Name] = pluginhost.Folder{Dir: f.Dir, Digest: f.Digest}
		}
	}
	w.works = maps.Clone(w.seen)
	return w
}

// start begins to follow. It is to be closed then.
func (w *pluginWatcher) start() {
	r := w.runtime
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
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go w.run(ctx)
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
	quiet := time.After(0)
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
			w.change(ctx, name)
		}
	}
}

// last is the folder of a plugin's version that came up last; zero where none did.
func (w *pluginWatcher) last(name string) pluginhost.Folder {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.works[name]
}

// working is last where that is there yet, else other.
func (w *pluginWatcher) working(name string, other pluginhost.Folder) pluginhost.Folder {
	last := w.last(name)
	if _, err := os.Stat(last.Dir); err != nil {
		return other
	}
	return last
}

// worked notes that a version came up; the zero Folder is that of a plugin that is gone.
func (w *pluginWatcher) worked(name string, f pluginhost.Folder) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.works[name] = f; f.Dir == "" {
		delete(w.works, name)
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

// change has all that run a plugin change over to the version that counts now.
func (w *pluginWatcher) change(ctx context.Context, name string) {
	r := w.runtime
	plugin, err := r.host.Plugin(name)
	gone := sdk.CodeOf(err) == sdk.CodeNotFound
	if err != nil && !gone { // it is broken, or not for this machine
		all := r.host.Plugins()
		if i := slices.IndexFunc(all, func(p pluginhost.Plugin) bool { return p.Name == name }); i >= 0 {
			plugin = all[i]
		}
	}
	if err == nil {
		err = r.comesUp(ctx, plugin, w.working(name, pluginhost.Folder{}))
	}
	if ctx.Err() != nil || r.Closed() { // what was broken off says nothing
		return
	}
	event := Event{Type: EventPluginChanged, Plugin: name, Note: plugin.Version}
	switch {
	case gone:
		if w.last(name).Digest != "" { // a folder that was put there by hand may be on its way back
			r.dismiss(name)
		}
		w.worked(name, pluginhost.Folder{})
		event.Error = Reason(err)
		r.log.Info("plugin is gone", "plugin", name)
	case err != nil:
		w.takeBack(ctx, plugin, err)
		if w.last(name).Dir == "" { // there is nothing else: the next one is compared with it
			w.worked(name, plugin.Folder)
		}
		event.Error = Reason(err)
		r.log.Warn("plugin's version refused", "plugin", name, "version", plugin.Version, "error", err)
	default:
		w.accept(ctx, plugin)
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

// accept notes that a version has come up, where an installed one would be taken back
// by the next server otherwise.
func (w *pluginWatcher) accept(ctx context.Context, plugin pluginhost.Plugin) {
	w.worked(plugin.Name, plugin.Folder)
	if plugin.Digest == "" {
		return
	}
	if err := install.Prove(ctx, w.runtime.home, plugin.Manifest.Name, plugin.Digest); err != nil {
		w.runtime.log.Warn("plugin's version came up, which is not noted", "plugin", plugin.Name, "error", err)
	}
}

// takeBack makes the version that worked before an installed one the current one
// again. One that is being written stays: its author mends it.
func (w *pluginWatcher) takeBack(ctx context.Context, plugin pluginhost.Plugin, why error) {
	if plugin.Digest == "" {
		return
	}
	back, err := install.Refuse(ctx, w.runtime.home, plugin.Manifest.Name, plugin.Digest, Reason(why))
	if err != nil {
		w.runtime.log.Warn("plugin's version not taken back", "plugin", plugin.Name, "error", err)
		return
	}
	if f := (pluginhost.Folder{Dir: back.Dir, Digest: back.Digest}); f == w.working(plugin.Name, f) { // else it is tried as any other
		w.seen[plugin.Name] = f
	}
}

// comesUp says whether all deployments of a plugin start with a version; one that does
// not with that of before either says nothing.
func (r *Runtime) comesUp(ctx context.Context, plugin pluginhost.Plugin, before pluginhost.Folder) error {
	for _, d := range r.pluginUsers(plugin.Name) {
		d.Folder = plugin.Folder
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

// dismiss has nothing run a plugin any more that was removed: what is in flight ends
// where it is.
func (r *Runtime) dismiss(plugin string) {
	r.mu.Lock()
	quotas := slices.Collect(maps.Values(r.quotas))
	r.mu.Unlock()
	for _, q := range quotas {
		q.force.changing.Lock()
		if now := q.deployment(); now != nil && now.Plugin == plugin {
			d := *now
			d.Err = sdk.Errorf(sdk.CodeUnavailable, "the plugin %s of engine %s was removed; install it again", plugin, q.id)
			r.enforce(q, d)
		}
		q.force.changing.Unlock()
	}
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
