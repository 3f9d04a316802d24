package core

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// Config says where a Runtime lives.
type Config struct {
	Home       string   // absolute path; made where it is not there
	PluginDirs []string // folders of plugin folders, searched in this order
	PluginEnv  []string // names of further environment variables that plugins may see
	Log        hclog.Logger
}

// A Runtime is the models, the deployments, and what is loaded. All methods may
// be called concurrently.
type Runtime struct {
	log         hclog.Logger
	store       *store.Store
	host        *pluginhost.Host
	deployments string // the folder of deployment files

	mu        sync.Mutex
	closed    bool
	residents map[string]*resident // by model id; made at the first use, never dropped
}

// Open opens the home folder and starts nothing. [sdk.CodeUnavailable]: another
// server uses it.
func Open(c Config) (*Runtime, error) {
	if err := os.MkdirAll(c.Home, 0o700); err != nil {
		return nil, fmt.Errorf("make home folder: %w", err)
	}
	host, err := pluginhost.New(pluginhost.Config{
		Dirs:    c.PluginDirs,
		RunDir:  filepath.Join(c.Home, "run"),
		DataDir: filepath.Join(c.Home, "data"),
		Env:     c.PluginEnv,
		Log:     c.Log.Named("plugin"),
	})
	if err != nil {
		return nil, err
	}
	models, err := store.Open(filepath.Join(c.Home, "models"), c.Log.Named("store"))
	if err != nil {
		host.Close()
		return nil, err
	}
	r := &Runtime{log: c.Log.Named("runtime"), store: models, host: host,
		deployments: filepath.Join(c.Home, "engines"), residents: map[string]*resident{}}
	models.OnRemoved(r.gone)
	return r, nil
}

// Close unloads every model and stops every plugin; open streams end.
func (r *Runtime) Close() {
	r.mu.Lock()
	r.closed = true
	all := r.residents
	r.mu.Unlock()
	var wait sync.WaitGroup
	for _, res := range all {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), unloadTimeout)
			defer cancel()
			_ = res.unload(ctx)
		})
	}
	wait.Wait()
	r.host.Close()
	r.store.Close()
}

// The states of a model (design.md §1).
const (
	StateToDownload  = "to_download"
	StateDownloading = "downloading"
	StateReady       = "ready"
	StateRunning     = "running"
)

// The transitions of a model.
const (
	TransitionStarting = "starting"
	TransitionStopping = "stopping"
)

// A Model is a model with what it does now.
type Model struct {
	*store.Model
	Status
}

// A Status is what a model does now. It is derived, never stored.
type Status struct {
	State      string
	Transition string        // or empty
	Progress   *sdk.Progress // of a load that is under way
	Deployment string        // that has it loaded
	Settings   map[string]any
	Operations []sdk.Operation
	Requests   int   // in flight
	Since      int64 // Unix seconds: loaded since
	Changed    bool  // the model's folder is not as it was loaded; stop it to apply
	Err        error // what happened last, and what to do
}

// Models returns every model in the order of ids.
func (r *Runtime) Models() []Model {
	stored := r.store.Models()
	out := make([]Model, len(stored))
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, m := range stored {
		out[i] = Model{m, status(m, r.residents[m.ID])}
	}
	return out
}

// Model returns one model. [sdk.CodeNotFound]: there is none of that id.
func (r *Runtime) Model(id string) (Model, error) {
	m, err := r.store.Model(id)
	if err != nil {
		return Model{}, err
	}
	r.mu.Lock()
	res := r.residents[m.ID]
	r.mu.Unlock()
	return Model{m, status(m, res)}, nil
}

func status(m *store.Model, res *resident) Status {
	st := Status{State: StateReady, Err: m.Err}
	if !m.Ready {
		st.State = StateToDownload
	}
	if res != nil {
		res.describe(m, &st)
	}
	return st
}

// Start loads a model, with settings over all other layers, and returns when it
// answers. A model that runs with the same settings already is left alone. A
// deployment that failed is tried again: a person asked for it.
func (r *Runtime) Start(ctx context.Context, id string, settings map[string]any) (Model, error) {
	m, err := r.store.Model(id)
	if err != nil {
		return Model{}, err
	}
	r.host.Reset(m.Manifest.Engine)
	lease, err := r.acquire(ctx, m, settings)
	if err != nil {
		return Model{}, err
	}
	lease.Release()
	return r.Model(m.ID)
}

// Stop unloads a model, or calls off its load. It returns when the memory is
// free. A model that does not run is left alone.
func (r *Runtime) Stop(ctx context.Context, id string) (Model, error) {
	m, err := r.store.Model(id)
	if err != nil {
		return Model{}, err
	}
	if err := r.unload(ctx, m.ID); err != nil {
		return Model{}, err
	}
	return r.Model(m.ID)
}

func (r *Runtime) unload(ctx context.Context, id string) error {
	r.mu.Lock()
	res := r.residents[id]
	r.mu.Unlock()
	if res == nil {
		return nil
	}
	return res.unload(ctx)
}

// gone unloads a model whose folder was removed: nobody can name it any more.
func (r *Runtime) gone(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), unloadTimeout)
	defer cancel()
	if err := r.unload(ctx, id); err != nil {
		r.log.Warn("removed model not unloaded", "model", id, "error", err)
	}
}

// An Ask says who wants a model, and how.
type Ask struct {
	Caller    string         // for turns in the queue: callers take turns, not requests
	KeepAlive *time.Duration // how long the model stays after this request; below 0 is for ever, nil leaves it to the model
	Unqueued  bool           // it needs none of the engine's slots
}

// Acquire returns a lease on a model, loading it first where it is not loaded:
// once for all who ask at the same time. It blocks while the model loads.
//
// Errors: [sdk.CodeNotFound] for no such model or one without weights,
// [sdk.CodeInvalid] for one whose file or settings are wrong, and whatever the
// engine says of the load.
func (r *Runtime) Acquire(ctx context.Context, id string, _ Ask) (*Lease, error) {
	m, err := r.store.Model(id)
	if err != nil {
		return nil, err
	}
	return r.acquire(ctx, m, nil)
}

func (r *Runtime) acquire(ctx context.Context, m *store.Model, settings map[string]any) (*Lease, error) {
	if err := usable(m); err != nil {
		return nil, err
	}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, sdk.Errorf(sdk.CodeUnavailable, "the server is shutting down")
	}
	res, ok := r.residents[m.ID]
	if !ok {
		res = &resident{runtime: r, id: m.ID}
		r.residents[m.ID] = res
	}
	r.mu.Unlock()
	return res.acquire(ctx, m, settings)
}

func usable(m *store.Model) error {
	switch {
	case m.Err != nil:
		return sdk.Errorf(sdk.CodeInvalid, "The model '%s' cannot be used: %v", m.ID, m.Err)
	case !m.Ready:
		return sdk.Errorf(sdk.CodeNotFound, "The model '%s' is not downloaded: %s is not here yet", m.ID, cmp.Or(first(m.Missing), "its weight file"))
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
