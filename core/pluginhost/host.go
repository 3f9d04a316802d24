package pluginhost

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

// Config says where a Host finds plugins and where they may write.
type Config struct {
	Dirs    []string     // folders of plugin folders, searched in this order
	RunDir  string       // for sockets; owned by one Host at a time
	DataDir string       // private folders of the deployments
	Env     []string     // names of further variables of the core's environment that plugins may see
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

	mu          sync.Mutex
	deployments map[string]*supervised
	schemas     map[string]known // by plugin
}

// New opens the run folder and sweeps what a killed core left there. It starts
// nothing. [sdk.CodeUnavailable]: another core owns the folder.
func New(c Config) (*Host, error) {
	run, err := openRun(c.RunDir)
	if err != nil {
		return nil, err
	}
	h := &Host{config: c, bounds: usual, run: run, closing: make(chan struct{}), deployments: map[string]*supervised{}, schemas: map[string]known{}}
	return h, nil
}

// Plugins returns the plugins that are there now, broken ones included.
func (h *Host) Plugins() []Plugin { return find(h.config.Dirs) }

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

// Connect returns the running process of a deployment, started and configured.
// It blocks while the plugin starts. When d differs from what runs, the old
// process is stopped first.
//
// Errors: [sdk.CodeInvalid] for settings that the plugin's schema refuses,
// [sdk.CodeNotFound] for a plugin that is not installed, [sdk.CodeUnavailable]
// for one that does not start.
func (h *Host) Connect(ctx context.Context, d Deployment) (*Process, error) {
	s := h.supervise(d)
	s.apply(d)
	return s.connect(ctx)
}

func (h *Host) supervise(d Deployment) *supervised {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.deployments[d.ID]
	if !ok {
		s = &supervised{host: h, config: d, log: h.config.Log.Named(d.ID)}
		select {
		case <-h.closing:
			s.closed = true
		default:
			h.deployments[d.ID] = s
		}
	}
	return s
}

// Status returns what the process of a deployment does; stopped where it was
// never used.
func (h *Host) Status(id string) Status {
	h.mu.Lock()
	s, ok := h.deployments[id]
	h.mu.Unlock()
	if !ok {
		return Status{State: StateStopped}
	}
	return s.status()
}

// Reset forgives a deployment its crashes: a person wants it tried again.
func (h *Host) Reset(id string) {
	h.mu.Lock()
	s, ok := h.deployments[id]
	h.mu.Unlock()
	if ok {
		s.reset()
	}
}

// Close stops every plugin, all at once, and gives the run folder back. It takes
// some ten seconds at most.
func (h *Host) Close() {
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
	h.run.close()
}
