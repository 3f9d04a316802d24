package pluginhost

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/sandbox"
)

// A Confined says how a process of a plugin is started as a host does it, for who starts
// one without a host, to test it.
type Confined struct {
	Launcher    []string                    // the program that is started in its place; none: it is not confined
	Files       []*os.File                  // that it inherits, from 3 on; Started closes them
	Environment func(env []string) []string // what becomes of its environment
	Started     func()                      // to be called when it is started
	End         func()                      // to be called when it has ended
}

// Confine makes what holds a process of the plugin in a folder. Its run and data folders
// lie in one folder, which is empty but for them. models are what an engine may read.
func Confine(folder, run, data string, models []string, d Deployment, log hclog.Logger) (Confined, error) {
	plugin, ok := read(Folder{Dir: folder}, "dev")
	if !ok || plugin.Err != nil {
		return Confined{}, fmt.Errorf("read the plugin in %s: %w", folder, plugin.Err)
	}
	d.ID = filepath.Base(data)
	h := &Host{run: &runFolder{dir: filepath.Dir(run)}, config: Config{Models: models, DataDir: filepath.Dir(data), Sandbox: sandbox.BestEffort}}
	c, err := h.confine(plugin, d, run, log)
	if err != nil {
		return Confined{}, err
	}
	c.begun(os.Getpid()) // whoever starts it is below this process
	return Confined{Launcher: c.launcher(), Files: c.files(), Environment: c.environment, Started: c.started, End: c.end}, nil
}
