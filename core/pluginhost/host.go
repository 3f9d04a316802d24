package pluginhost

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/sandbox"
	"github.com/enginebay/enginebay/sdk"
)

// Config says where a Host finds plugins and where they may write.
type Config struct {
	Plugins []Source     // where plugins are found, searched in this order
	RunDir  string       // for sockets; owned by one Host at a time
	DataDir string       // private folders of the deployments
	Version string       // of the core; plugins say which they work with
	Env     []string     // names of further variables of the core's environment that plugins may see
	Models  []string     // folders of models, which engines may read
	Sandbox sandbox.Mode // how processes are confined where their deployment does not say; empty is best effort
	Log     hclog.Logger // the level of its Named(deployment) is that of the deployment's plugin

	// Changed, if set, is called when a deployment's process comes up or ends. It
	// must not block, and not call the Host.
	Changed func(deployment string, st Status)
}

// A Host runs plugins. All methods may be called concurrently.
type Host struct {
	config  Config
	bounds  bounds
	run     *runFolder
	closing chan struct{}
	trees   trees
	quiet   chan struct{}  // closed when nothing is tried any more
	trials  sync.WaitGroup // processes beside those of the deployments

	mu          sync.Mutex
	deployments map[place]*supervised
	least       map[string]uint64 // by deployment: what was told to Retire
	schemas     map[string]known  // by plugin
}

// A place is for one process at a time.
type place struct{ deployment, model string }

// New opens the run folder and sweeps what a killed core left there. It starts
// nothing. [sdk.CodeUnavailable]: another core owns the folder.
func New(c Config) (*Host, error) {
	run, err := openRun(c.RunDir)
	if err != nil {
		return nil, err
	}
	h := &Host{config: c, bounds: usual, run: run, closing: make(chan struct{}), quiet: make(chan struct{}), deployments: map[place]*supervised{}, least: map[string]uint64{}, schemas: map[string]known{}, trees: trees{whole: map[Folder]tree{}}}
	return h, nil
}

// Plugins returns the plugins that are there now, broken ones included.
func (h *Host) Plugins() []Plugin { return find(h.config.Plugins, h.config.Version) }

// All returns also the plugins whose names are taken already: of those of one name the
// first counts.
func (h *Host) All() []Plugin { return findAll(h.config.Plugins, h.config.Version) }

// Plugin returns the plugin of a short name. [sdk.CodeNotFound]: there is none;
// [sdk.CodeUnavailable]: it is there, but broken.
func (h *Host) Plugin(name string) (Plugin, error) {
	all := h.Plugins()
	var names []string
	for _, p := range all {
		if p.Name != name {
			names = append(names, p.Name)
			continue
		}
		if p.Err != nil {
			return Plugin{}, &sdk.Error{Code: sdk.CodeUnavailable, Message: fmt.Sprintf("plugin %s cannot be used: %v", name, p.Err)}
		}
		return p, nil
	}
	has := "none is installed"
	if len(names) > 0 {
		has = "installed are " + strings.Join(names, ", ")
	}
	return Plugin{}, sdk.Errorf(sdk.CodeNotFound, "no plugin %q; %s", name, has)
}

// pluginOf returns the plugin that a deployment runs. Its errors are those of Plugin.
func (h *Host) pluginOf(d Deployment) (Plugin, error) {
	if d.Folder.Dir == "" {
		return h.Plugin(d.Plugin)
	}
	p, ok := read(d.Folder, h.config.Version)
	switch {
	case !ok || p.Name != d.Plugin:
		return Plugin{}, sdk.Errorf(sdk.CodeUnavailable, "plugin %s is no more in %s; install it again", d.Plugin, d.Folder.Dir)
	case p.Err != nil:
		return Plugin{}, &sdk.Error{Code: sdk.CodeUnavailable, Message: fmt.Sprintf("plugin %s cannot be used: %v", d.Plugin, p.Err)}
	}
	return p, nil
}

// Connect returns the running process of a deployment, started and configured.
// It blocks while the plugin starts. Where d differs from what runs, a new process
// is started beside the old one, which ends when its last user (see [Host.Use]) has
// left.
//
// Errors: [sdk.CodeInvalid] for settings that the plugin's schema refuses,
// [sdk.CodeNotFound] for a plugin that is not installed, [sdk.CodeUnavailable]
// for one that does not start, [ErrOutdated].
func (h *Host) Connect(ctx context.Context, d Deployment) (*Process, error) {
	s := h.supervise(d)
	s.apply(d)
	return s.connect(ctx, d.Revision)
}

// ErrOutdated is the error of a deployment with settings that Retire has ended.
var ErrOutdated = sdk.Errorf(sdk.CodeUnavailable, "the settings of the engine changed; try again")

// Use is Connect for one who uses the process until release is called: that long it
// does not end because another takes its place. Further calls of release do nothing.
func (h *Host) Use(ctx context.Context, d Deployment) (p *Process, release func(), err error) {
	for {
		p, err := h.Connect(ctx, d)
		if err != nil {
			return nil, nil, err
		}
		if release, ok := p.hold(); ok {
			return p, release, nil
		}
	}
}

// Retire has the processes of a deployment with settings of an earlier revision end
// when their last users have left, and nobody get them any more.
func (h *Host) Retire(id string, before uint64) {
	h.mu.Lock()
	h.least[id] = max(h.least[id], before)
	h.mu.Unlock()
	for _, s := range h.of(id) {
		s.retireBefore(before)
	}
}

func (h *Host) supervise(d Deployment) *supervised {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := place{d.ID, d.Model}
	s, ok := h.deployments[at]
	if !ok {
		s = &supervised{host: h, config: d, log: h.config.Log.Named(d.ID), least: h.least[d.ID], retired: map[*Process]struct{}{}}
		if d.Model != "" {
			s.log = s.log.With("model", d.Model)
		}
		select {
		case <-h.closing:
			s.closed = true
		default:
			h.deployments[at] = s
		}
	}
	return s
}

// of are the places of a deployment.
func (h *Host) of(id string) []*supervised {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*supervised
	for at, s := range h.deployments {
		if at.deployment == id {
			all = append(all, s)
		}
	}
	return all
}

// Reset forgives a deployment its crashes: a person wants it tried again.
func (h *Host) Reset(id string) {
	var wait sync.WaitGroup
	for _, s := range h.of(id) {
		wait.Go(s.reset)
	}
	wait.Wait()
}

// Stop ends a deployment's processes, and their models with them; the next use
// starts them again.
func (h *Host) Stop(id string) {
	var wait sync.WaitGroup
	for _, s := range h.of(id) {
		wait.Go(s.stop)
	}
	wait.Wait()
}

// Quiet breaks off what is tried, and has nothing be tried any more: what runs goes on.
func (h *Host) Quiet() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.quiet:
	default:
		close(h.quiet)
	}
}

// trial is the context of a process beside those of the deployments. done is to be
// called when it is gone.
func (h *Host) trial(ctx context.Context) (context.Context, func(), error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.quiet:
		return nil, nil, sdk.Errorf(sdk.CodeUnavailable, "the server is shutting down")
	default:
	}
	h.trials.Add(1)
	ctx, cancel := context.WithTimeout(ctx, h.bounds.start)
	go func() {
		select {
		case <-h.quiet:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(); h.trials.Done() }, nil
}

// Close stops every plugin, all at once, and gives the run folder back. It takes
// some ten seconds at most.
func (h *Host) Close() {
	h.Quiet()
	h.mu.Lock()
	select {
	case <-h.closing:
		h.mu.Unlock()
		return
	default:
		close(h.closing)
	}
	all := slices.Collect(maps.Values(h.deployments))
	h.mu.Unlock()
	var wait sync.WaitGroup
	for _, s := range all {
		wait.Go(s.close)
	}
	wait.Wait()
	h.trials.Wait()
	h.run.close()
}
