package core

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/catalogue"
	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/sandbox"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// Config says where a Runtime lives.
type Config struct {
	Home          string       // absolute path; made where it is not there
	ModelDirs     []store.Root // further folders of models
	PluginDirs    []string     // folders of plugin folders, searched in this order
	PluginEnv     []string     // names of further environment variables that plugins may see
	Unsigned      string       // what becomes of unsigned plugins: "warn" or "refuse"
	PluginSandbox sandbox.Mode // how plugins are confined; empty is best effort
	Limits        Limits
	Downloads     Downloads
	Catalogue     bool   // whether the recommended models are put into the models folder
	Version       string // of the program; plugins say which they work with
	Log           hclog.Logger
}

// A Runtime is the models, the deployments, and what is loaded. All methods may
// be called concurrently.
type Runtime struct {
	log            hclog.Logger
	home           string
	store          *store.Store
	host           *pluginhost.Host
	deployments    string        // the folder of deployment files
	importerFolder string        // the folder of importers' files
	modelFolders   []string      // those of models
	writing        sync.Mutex    // one change of a deployment file by ourselves at a time
	revisions      atomic.Uint64 // of deployments' settings
	watcher        *watcher
	plugins        *pluginWatcher
	installer      *install.Installer
	limits         atomic.Pointer[Limits]
	room           *room
	events         *events
	seed           maphash.Seed
	preloading     sync.WaitGroup
	downloader     *download.Client
	downloads      atomic.Pointer[Downloads]
	transfers      *transfers
	offers         *offers
	cache          string // the folder of what can be had again
	stopFollowing  context.CancelFunc
	following      sync.WaitGroup
	editions       editions
	routes         routes

	mu           sync.Mutex
	closed       bool
	residents    map[string]*resident    // by model id; made at the first use, never dropped
	importerUses map[string]*importerUse // by deployment id
	quotas       map[string]*quota       // by deployment id; made at the first use, never dropped
}

// Open opens the home folder and starts nothing. [sdk.CodeUnavailable]: another
// server uses it.
func Open(c Config) (*Runtime, error) {
	if err := os.MkdirAll(c.Home, 0o700); err != nil {
		return nil, fmt.Errorf("make home folder: %w", err)
	}
	r := &Runtime{log: c.Log.Named("runtime"), home: c.Home, deployments: filepath.Join(c.Home, "engines"), importerFolder: filepath.Join(c.Home, "importers"), residents: map[string]*resident{}, importerUses: map[string]*importerUse{}, quotas: map[string]*quota{}, events: newEvents(), seed: maphash.MakeSeed()}
	r.modelFolders = modelFolders(c)
	r.limits.Store(c.Limits.filled())
	r.room = newRoom(&r.limits)
	r.offers, r.cache, r.stopFollowing = newOffers(), filepath.Join(c.Home, "cache"), func() {}
	host, err := pluginhost.New(pluginhost.Config{
		Plugins: PluginSources(c.Home, c.PluginDirs),
		RunDir:  filepath.Join(c.Home, "run"),
		DataDir: filepath.Join(c.Home, "data"),
		Version: c.Version,
		Env:     c.PluginEnv,
		Models:  r.modelFolders,
		Sandbox: c.PluginSandbox,
		Log:     c.Log.Named("plugin"),
		Changed: r.engineChanged,
	})
	if err != nil {
		return nil, err
	}
	models, err := store.Open(store.Config{Dir: filepath.Join(c.Home, "models"), Further: c.ModelDirs, Log: c.Log.Named("store")})
	if err != nil {
		host.Close()
		return nil, err
	}
	r.host, r.store = host, models
	r.transfers, r.plugins = newTransfers(r), newPluginWatcher(r)
	r.downloader, err = download.New(r.downloadConfig(c.Downloads))
	if err == nil {
		err = r.SetDownloads(c.Downloads)
	}
	if err == nil {
		r.installer, err = NewInstaller(InstallerConfig{Home: c.Home, Version: c.Version, Host: host, Unsigned: c.Unsigned, Log: c.Log,
			Downloads: func() Downloads { return *r.downloads.Load() }})
	}
	if err != nil {
		models.Close()
		host.Close()
		return nil, err
	}
	r.watcher = watch(r)
	r.plugins.start()
	models.OnChange(r.noticed)
	if err := models.Adopt(store.Quiet); err != nil {
		r.Close()
		return nil, err
	}
	if c.Catalogue {
		if err := models.Install(catalogue.Models); err != nil { // the server works without them
			r.log.Warn("not all recommended models are listed", "error", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stopFollowing = cancel
	r.following.Go(func() { r.followOffers(ctx) })
	return r, nil
}

// closeTimeout is how long models may take to leave at the end, before their
// plugins are stopped with them.
const closeTimeout = 5 * time.Second

// Close unloads every model and stops every plugin; open streams end.
func (r *Runtime) Close() {
	r.bar()
	r.host.Quiet() // who waits for the end of a trial would wait long
	r.watcher.close()
	r.plugins.close()
	r.stopFollowing()
	r.following.Wait()
	r.offers.refreshing.Wait()
	r.transfers.close()
	var leaving sync.WaitGroup
	for _, res := range r.all() {
		leaving.Go(func() { _ = res.unload(context.Background()) })
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		leaving.Wait()
		r.preloading.Wait()
	}()
	select {
	case <-left:
	case <-time.After(closeTimeout):
	}
	r.host.Close()
	<-left
	r.store.Close()
	r.events.close()
}

// bar has nothing be loaded or handed out from now on. It comes before the first
// model leaves: a load that waited for its room would go ahead.
func (r *Runtime) bar() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	for _, res := range r.all() {
		res.bar()
	}
	r.room.close()
}

// Closed says whether Close was called.
func (r *Runtime) Closed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// all are the models that were ever loaded, or were to be.
func (r *Runtime) all() []*resident {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Values(r.residents))
}

// Preload loads models one after the other and returns at once. What goes wrong
// is logged, and is an event. It ends with ctx, and with the runtime.
func (r *Runtime) Preload(ctx context.Context, ids []string) {
	r.preloading.Go(func() {
		for _, id := range ids {
			if _, err := r.Start(ctx, id, Ask{}, nil); err != nil && ctx.Err() == nil && !r.Closed() {
				r.log.Error("model not preloaded", "model", id, "error", err)
			}
		}
	})
}

// Stamp is another number whenever Models would return something else. It costs a
// look at those models that were ever loaded.
func (r *Runtime) Stamp() uint64 {
	stamp := r.events.last() + r.routes.stamp(r.seed)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, res := range r.residents { // in any order: they are added up
		stamp += res.stamp(r.seed)
	}
	return stamp
}

// resident is a model's place in memory; nil where it was never wanted there.
func (r *Runtime) resident(id string) *resident {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.residents[id]
}

// Start loads a model, with settings over all other layers, and returns when it
// answers; it waits in no queue. A model that runs with the same settings already is left alone. A
// deployment that failed is tried again: a person asked for it.
func (r *Runtime) Start(ctx context.Context, id string, ask Ask, settings map[string]any) (Model, error) {
	m, err := r.find(id)
	if err != nil {
		return Model{}, err
	}
	if m.Manifest.Routed() {
		return r.startRouted(ctx, m, ask, settings)
	}
	r.routes.forgive(func(target string) bool { return target == m.ID })
	engine := r.engineOf(m)
	r.host.Reset(engine)
	r.heed(ctx, engine)
	ask.Unqueued, ask.placed = true, true
	lease, err := r.acquire(ctx, m, ask, settings)
	if err != nil {
		return Model{}, err
	}
	lease.Release()
	return r.Model(m.ID)
}

// Stop unloads a model, or calls off its load. It returns when the memory is
// free. A model that does not run is left alone.
func (r *Runtime) Stop(ctx context.Context, id string) (Model, error) {
	m, err := r.find(id)
	if err != nil {
		return Model{}, err
	}
	if err := r.stopTargets(ctx, m); err != nil {
		return Model{}, err
	}
	if err := r.unload(ctx, m.ID); err != nil {
		return Model{}, err
	}
	return r.Model(m.ID)
}

// engineChanged tells of a plugin's process that came up or ended.
func (r *Runtime) engineChanged(id string, st pluginhost.Status) {
	event := Event{Type: EventEngineState, Engine: id, State: st.State}
	if st.Err != nil {
		event.Error = Reason(r.concealed(id, st.Err))
	}
	r.events.emit(event)
}

// noticed tells of changes of the models' folders.
func (r *Runtime) noticed(c store.Change) {
	for _, change := range []struct {
		kind string
		ids  []string
	}{{EventModelAdded, c.Added}, {EventModelChanged, c.Changed}, {EventModelRemoved, c.Removed}} {
		for _, id := range change.ids {
			r.events.emit(Event{Type: change.kind, Model: id})
		}
	}
	for _, id := range c.Changed {
		go r.prune(id)
	}
	changed := slices.Concat(c.Added, c.Changed)
	r.routes.forgive(func(target string) bool {
		return slices.ContainsFunc(changed, func(id string) bool { return target == id || isEdition(target, id) })
	})
	for _, id := range c.Removed {
		r.transfers.gone(id)
		go r.gone(id)
	}
}

// gone unloads a model whose folder was removed: nobody can name it any more.
func (r *Runtime) gone(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), unloadTimeout)
	defer cancel()
	if err := r.unload(ctx, id); err != nil {
		r.log.Warn("removed model not unloaded", "model", id, "error", err)
	}
	r.editions.forget(id)
	r.routes.forget(id)
}

// An Ask says who wants a model, and how.
type Ask struct {
	Caller    string         // for turns in the queue: callers take turns, not requests
	KeepAlive *time.Duration // how long the model stays after this request; below 0 is for ever, nil leaves it to the model
	Unqueued  bool           // it needs none of the engine's slots

	counted bool // in the deployment's limit of a minute
	placed  bool // it has waited already, and keeps its place: the queue is not too full for it
}

// Acquire returns a lease on a model, loading it first where it is not loaded:
// once for all who ask at the same time. It blocks while the model loads.
//
// Then it waits for a slot of the engine, in a queue where callers take turns.
//
// Errors: [RetryError] where too many wait already or no room was found in memory,
// [sdk.CodeExhausted] for a model that never fits, [sdk.CodeNotFound] for no such model or one without weights,
// [sdk.CodeInvalid] for one whose file or settings are wrong, and whatever the
// engine says of the load.
//
// Of a routed model it is a lease on the first target that can be had; what comes of
// a request there is told to a [Route] alone.
func (r *Runtime) Acquire(ctx context.Context, id string, ask Ask) (*Lease, error) {
	m, err := r.find(id)
	if err != nil {
		return nil, err
	}
	if m.Manifest.Routed() {
		return r.acquireRouted(ctx, id, ask)
	}
	return r.acquire(ctx, m, ask, nil)
}

func (r *Runtime) acquire(ctx context.Context, m *store.Model, ask Ask, settings map[string]any) (*Lease, error) {
	if err := usable(m); err != nil {
		return nil, err
	}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, shuttingDown()
	}
	res, ok := r.residents[m.ID]
	if !ok {
		res = &resident{runtime: r, id: m.ID}
		r.residents[m.ID] = res
	}
	r.mu.Unlock()
	ctx, end := span(ctx, "acquire", m.ID)
	lease, err := res.acquire(ctx, m, ask, settings)
	end(err)
	return lease, err
}

func shuttingDown() error { return sdk.Errorf(sdk.CodeUnavailable, "the server is shutting down") }

func usable(m *store.Model) error {
	switch {
	case m.Err != nil:
		return sdk.Errorf(sdk.CodeInvalid, "The model '%s' cannot be used: %v", m.ID, m.Err)
	case !m.Ready:
		return sdk.Errorf(sdk.CodeNotFound, "The model '%s' is not downloaded: %s is not here yet; fetch it with POST /v1/models/%s/download, or put it into the model's folder", m.ID, cmp.Or(first(m.Missing), "its weight file"), m.ID)
	}
	return nil
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// Plugins returns the plugins that are installed.
func (r *Runtime) Plugins() []pluginhost.Plugin { return r.host.Plugins() }

// PluginSettings returns the schema of a plugin's settings; nil where it takes none.
// The plugin is started for it once. [sdk.CodeNotFound]: it is not installed.
func (r *Runtime) PluginSettings(ctx context.Context, name string) (*schemas.Schema, error) {
	return r.host.Schema(ctx, name)
}

// ApplyLogLevels tells the plugins that run the levels of their loggers anew.
func (r *Runtime) ApplyLogLevels() { r.host.ApplyLogLevels() }
