package sdktest

import (
	"context"
	"fmt"
	"os"
	"time"

	corehost "github.com/enginebay/enginebay/sdk/host"
)

// passed are the variables that a plugin gets of this process's environment.
var passed = []string{"PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "SystemRoot", "TEMP", "TMP", "USERPROFILE", "LOCALAPPDATA"}

// environment are the variables that the program is started with.
func (s Subject) environment() []string {
	var env []string
	for _, name := range passed {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, s.Env...)
}

// launch starts the plugin's program as the core does.
func (s Subject) launch(h *host, log *logbook) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	plugin, err := corehost.Start(ctx, corehost.Config{Path: s.Path, Launcher: h.held.Launcher, Files: h.held.Files, Dir: h.run,
		Env: h.held.Environment(s.environment()), Line: log.line})
	h.held.Started()
	if err != nil {
		return err
	}
	h.Conn, h.plugin = plugin.Conn, plugin
	h.end = func() error {
		plugin.Terminate()
		if !h.ended(patience) {
			plugin.Kill()
			<-plugin.Done()
			return fmt.Errorf("the program did not end within %v of SIGTERM", patience)
		}
		return nil
	}
	return nil
}

// ended says whether the program ends within d.
func (h *host) ended(d time.Duration) bool {
	select {
	case <-h.plugin.Done():
		return true
	case <-time.After(d):
		return false
	}
}
