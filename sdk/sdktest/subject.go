package sdktest

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/enginebay/enginebay/sdk"
	corehost "github.com/enginebay/enginebay/sdk/host"
)

// patience is how long the suite waits for what must happen soon.
const patience = 10 * time.Second

// A Subject is the plugin under test: Plugin or Path is set.
type Subject struct {
	Plugin sdk.Plugin // served in the test's own process
	Path   string     // of the built program, started as the core starts it
	Env    []string   // further variables of the program, NAME=VALUE

	// Package is the folder with the plugin's plugin.json. Default: that of the test.
	Package string

	// Confine, if set, is asked before each start of the program how a sandbox holds it.
	Confine func(run, data string) (Confinement, error)

	// Rounds is how often the plugin is used when it is looked for what leaks.
	// Default: 100 times, or for a minute.
	Rounds int
}

// A Confinement is how a process is started that a sandbox holds. All of it may be empty.
type Confinement struct {
	Launcher    []string                    // a program, with its first arguments, that becomes the plugin's; given its path behind them
	Files       []*os.File                  // that it inherits, from 3 on
	Environment func(env []string) []string // what becomes of its environment
	Started     func()                      // called when it is started
	End         func()                      // called when it has ended
}

// confined is how a process with these folders is started.
func (s Subject) confined(run, data string) (c Confinement, err error) {
	if s.Confine != nil && s.Path != "" {
		c, err = s.Confine(run, data)
	}
	if c.Environment == nil {
		c.Environment = func(env []string) []string { return env }
	}
	for _, f := range []*func(){&c.Started, &c.End} {
		if *f == nil {
			*f = func() {}
		}
	}
	return c, err
}

// host is one running plugin and the core's half of the contract to it.
type host struct {
	*corehost.Conn
	run    string           // its run folder
	data   string           // its data folder
	plugin *corehost.Plugin // nil in process
	log    *logbook         // what it says
	held   Confinement
	end    func() error // ends the plugin as the core does; may be called twice
}

// start runs the plugin until the end of the test, and checks then that nothing
// of it is left.
func (s Subject) start(t T) *host {
	t.Helper()
	dir := folder(t)
	h := &host{run: filepath.Join(dir, "run"), data: filepath.Join(dir, "data")}
	for _, d := range []string{h.run, h.data} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatalf("%v", err)
		}
	}
	h.log = &logbook{}
	t.Cleanup(func() { lastWords(t, h.log.last()) })
	begin := s.serve
	if s.Path != "" {
		begin = s.launch
	}
	held, err := s.confined(h.run, h.data)
	if err != nil {
		t.Fatalf("confine the plugin: %v", err)
	}
	h.held = held
	t.Cleanup(held.End)
	before := h.look()
	if err := begin(h, h.log); err != nil {
		t.Fatalf("start the plugin: %v", err)
	}
	h.end = sync.OnceValue(h.end)
	t.Cleanup(func() {
		children := before.newer(h.look().children) // others are the test's own, such as a catalogue
		if err := h.end(); err != nil {
			t.Errorf("end the plugin: %v", err)
		}
		gone(t, children, patience)
		before.same(t, h)
	})
	return h
}

// folder is a private folder with a path that leaves room for a socket's name,
// which that of t.TempDir does not.
func folder(t T) string {
	t.Helper()
	dir, err := shortFolder()
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// shortFolder is a new folder for temporary files. A socket's path has 103 bytes at the
// most, and the folder that TMPDIR names may take too many of them.
func shortFolder() (string, error) {
	const most = 40
	parent := ""
	if runtime.GOOS != "windows" && len(os.TempDir()) > most {
		parent = "/tmp"
	}
	return os.MkdirTemp(parent, "ebt")
}

// configured is start and Configure, with the settings over the schema's defaults.
func (s Subject) configured(t T, settings json.RawMessage, secrets map[string]string) *host {
	t.Helper()
	h := s.start(t)
	if err := h.configure(t, settings, secrets); err != nil {
		t.Fatalf("Configure: %v", err)
	}
	return h
}

func (h *host) configure(t T, settings json.RawMessage, secrets map[string]string) error {
	t.Helper()
	return h.Configure(t.Context(), sdk.Configuration{Deployment: "conformance", Settings: h.effective(t, settings),
		Secrets: secrets, RunDir: h.run, DataDir: h.data, LogLevel: "debug"})
}

// schema is the plugin's own, of its settings.
func (h *host) schema(t T) (s settings) {
	t.Helper()
	d, err := h.Describe(t.Context())
	if err == nil && len(d.Settings) > 0 {
		err = json.Unmarshal(d.Settings, &s)
	}
	if err != nil {
		t.Fatalf("Describe: %v", err)
	}
	return s
}

// effective are the plugin's own defaults with layers of settings over them.
func (h *host) effective(t T, layers ...json.RawMessage) json.RawMessage {
	t.Helper()
	defaults := map[string]any{}
	for name, property := range h.schema(t).Properties {
		if property.Default != nil {
			defaults[name] = property.Default
		}
	}
	return merge(t, defaults, layers...)
}

func merge(t T, object map[string]any, layers ...json.RawMessage) json.RawMessage {
	t.Helper()
	object = maps.Clone(object)
	for _, layer := range layers {
		if len(layer) == 0 {
			continue
		}
		if err := json.Unmarshal(layer, &object); err != nil {
			t.Fatalf("%s: %v", layer, err)
		}
	}
	merged, err := json.Marshal(object)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return merged
}
