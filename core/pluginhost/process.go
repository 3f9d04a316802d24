package pluginhost

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/host"
)

// bounds are how long plugins may take.
type bounds struct {
	start time.Duration // from exec to the settings
	stop  time.Duration // to close its instances after SIGTERM; the SDK takes eight seconds at most
	probe time.Duration // between two looks whether a plugin still answers, and to answer
}

var usual = bounds{start: 20 * time.Second, stop: 10 * time.Second, probe: 15 * time.Second}

// A Process is a running plugin, configured for one deployment.
type Process struct {
	*host.Plugin
	Description sdk.Description
	Schema      *schemas.Schema // of its settings; nil where it takes none
	Settings    map[string]any  // of the deployment, defaults filled in
	Started     time.Time

	dir      string
	held     *confinement
	grace    time.Duration     // to end after SIGTERM
	config   sdk.Configuration // as it has it
	revision uint64            // of the deployment
	passing  bool              // it goes when its last user has left
	left     func(*Process)    // the last user has
	ending   sync.Once
	done     chan struct{}
	err      error // why it ended, set before done is closed

	mu      sync.Mutex
	users   int
	retired bool // nobody gets it any more
}

// Done is closed when the process has ended and nothing of it is left.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says why the process ended; nil before Done.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// launch starts a plugin for a deployment and configures it. ctx bounds the
// whole start. When it fails, nothing is left.
func (h *Host) launch(ctx context.Context, plugin Plugin, d Deployment, log hclog.Logger) (*Process, error) {
	if err := os.MkdirAll(h.dataDir(d), 0o700); err != nil {
		return nil, err
	}
	p, sink, err := h.exec(ctx, plugin, d, log)
	if err != nil {
		return nil, err
	}
	if err := p.configure(ctx, plugin, d, h, log.GetLevel()); err != nil {
		p.stop()
		if sdk.CodeOf(err) == sdk.CodeUnavailable { // it ended, or does not answer: its words say more
			err = startError(plugin, sink, err)
		}
		return nil, err
	}
	log.Info("plugin started", "plugin", plugin.Name, "version", p.Description.Version, "pid", p.Pid(), "took", time.Since(p.Started).Round(time.Millisecond))
	return p, nil
}

// exec starts a plugin's program, up to the handshake.
func (h *Host) exec(ctx context.Context, plugin Plugin, d Deployment, log hclog.Logger) (*Process, *sink, error) {
	if err := h.trees.check(plugin.Folder, plugin.Name); err != nil {
		return nil, nil, err
	}
	dir, err := h.run.make()
	if err != nil {
		return nil, nil, err
	}
	held, err := h.confine(plugin, d, dir, log)
	if err != nil {
		os.RemoveAll(dir)
		return nil, nil, err
	}
	sink := newSink(log)
	p := &Process{dir: dir, held: held, grace: h.bounds.stop, done: make(chan struct{}), Started: time.Now(), revision: d.Revision, passing: d.Model != ""}
	p.Plugin, err = host.Start(ctx, host.Config{Path: plugin.Program, Launcher: held.launcher(), Files: held.files(), Dir: dir,
		Env: held.environment(h.environment(plugin, d)), Line: sink.line, Begun: held.begun})
	held.started()
	if err != nil {
		held.end()
		os.RemoveAll(dir)
		return nil, nil, startError(plugin, sink, err)
	}
	go p.reap(sink)
	return p, sink, nil
}

func startError(plugin Plugin, s *sink, err error) error {
	if words := s.words(); words != "" {
		err = fmt.Errorf("%w; it said: %s", err, words)
	}
	return &sdk.Error{Code: sdk.CodeUnavailable, Message: "plugin " + plugin.Name + " did not start", Cause: err}
}

// reap waits for the end and clears up after it.
func (p *Process) reap(s *sink) {
	err := p.Wait()
	p.held.end()
	os.RemoveAll(p.dir)
	if err == nil {
		err = errors.New("it ended by itself")
	}
	if words := s.words(); words != "" {
		err = fmt.Errorf("%w; its last words: %s", err, words)
	}
	p.err = err
	close(p.done)
}

// configure checks that the plugin is what its folder says, and hands over the settings.
func (p *Process) configure(ctx context.Context, plugin Plugin, d Deployment, h *Host, level hclog.Level) error {
	var err error
	if p.Description, err = p.Describe(ctx); err != nil {
		return err
	}
	if p.Description.Name != plugin.Name {
		return sdk.Errorf(sdk.CodeInternal, "the program of plugin %s says that it is %q; install the plugin again", plugin.Name, clean(p.Description.Name))
	}
	for _, kind := range plugin.Kinds {
		if !slices.Contains(p.Description.Kinds, kind) {
			return sdk.Errorf(sdk.CodeInternal, "plugin %s is no %s, though its %s says so", plugin.Name, kind, ManifestFile)
		}
	}
	if p.Settings, err = p.settings(d); err != nil {
		return err
	}
	settings, err := json.Marshal(p.Settings)
	if err != nil {
		return err
	}
	p.config = sdk.Configuration{Deployment: d.ID, Settings: settings, Secrets: d.Secrets,
		RunDir: p.dir, DataDir: h.dataDir(d), LogLevel: level.String()}
	return p.Configure(ctx, p.config)
}

// folderOf is the name of a model's own folder; empty where there is none.
func folderOf(model string) string {
	const longest = 200 // bytes, which every file system takes
	name := url.PathEscape(model)
	if len(name) > longest {
		sum := sha256.Sum256([]byte(model))
		name = name[:longest/2] + hex.EncodeToString(sum[:16])
	}
	return name
}

// settings are the deployment's over the plugin's defaults, checked by the plugin's schema.
func (p *Process) settings(d Deployment) (map[string]any, error) {
	schema, err := p.compile()
	if schema == nil || err != nil {
		return map[string]any{}, err
	}
	p.Schema = schema
	settings := schema.Defaults()
	for name, value := range d.Settings {
		settings[name] = value
	}
	problems := append(schema.Validate(settings), schema.Hints(d.Settings)...) // a misspelt setting is one that is not there
	if len(problems) > 0 {
		return nil, &sdk.Error{Code: sdk.CodeInvalid, Message: fmt.Sprintf("settings of deployment %s: %v", d.ID, problems)}
	}
	return settings, nil
}

// compile makes a schema of what the plugin says; nil where it takes no settings.
func (p *Process) compile() (*schemas.Schema, error) {
	if len(p.Description.Settings) == 0 {
		return nil, nil
	}
	schema, err := schemas.Compile(p.Description.Settings)
	if err != nil {
		return nil, &sdk.Error{Code: sdk.CodeInternal, Message: "plugin " + p.Description.Name + " has a bad settings schema", Cause: err}
	}
	return schema, nil
}

// stop ends the process, once: SIGTERM, in which the SDK closes the instances, then
// SIGKILL to the group. It returns when nothing is left.
func (p *Process) stop() { p.ending.Do(p.end) }

func (p *Process) end() {
	p.Terminate()
	select {
	case <-p.done:
		return
	case <-time.After(p.grace):
	}
	p.Kill()
	<-p.done
}
