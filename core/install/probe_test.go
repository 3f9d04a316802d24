package install_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// TestARealPlugin: examples/engine-echo is built, packed, installed and tried. One whose
// manifest lies is started, found out, and not installed.
func TestARealPlugin(t *testing.T) {
	dir := t.TempDir()
	text, err := os.ReadFile("../../examples/engine-echo/plugin.json")
	must(t, err)
	var manifest map[string]any
	must(t, json.Unmarshal(text, &manifest))
	program := filepath.Join(dir, "bin", "engine-echo")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, "../../examples/engine-echo").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	manifest["entry"] = "bin/engine-echo"
	w := newWorld(t)
	run, err := os.MkdirTemp("", "eb") // a short path, for sockets
	must(t, err)
	defer os.RemoveAll(run)
	host, err := pluginhost.New(pluginhost.Config{RunDir: filepath.Join(run, "run"), DataDir: filepath.Join(run, "data"), Log: hclog.NewNullLogger()})
	must(t, err)
	defer host.Close()
	real := func(c *install.Config) { c.Probe = host.Probe }
	put := func(more map[string]any) string {
		all := map[string]any{}
		for _, m := range []map[string]any{manifest, more} {
			for k, v := range m {
				all[k] = v
			}
		}
		text, err := json.Marshal(all)
		must(t, err)
		write(t, filepath.Join(dir, packages.ManifestFile), string(text))
		return dir
	}
	for name, c := range map[string]struct {
		lie  map[string]any
		says string
	}{
		"version":      {map[string]any{"version": "9.0.0"}, `its version is "9.0.0"`},
		"name":         {map[string]any{"name": "enginebay/other"}, `its name is "other"`},
		"kinds":        {map[string]any{"kinds": []string{"engine", "importer"}}, "its kinds"},
		"capabilities": {map[string]any{"capabilities": []string{}}, "its capabilities"},
	} {
		_, err := apply(w.installer(real), put(c.lie), install.Options{})
		if err == nil {
			t.Errorf("a lie about its %s was installed", name)
			continue
		}
		refused(t, err, sdk.CodeInvalid, "is not installed", c.says)
	}
	if len(w.stored()) != 0 {
		t.Errorf("the store has %v", w.stored())
	}
	r, err := apply(w.installer(real), put(nil), install.Options{})
	if err != nil || w.current("echo") == "" || !strings.Contains(r.EngineFile, "echo.json") {
		t.Errorf("%+v, %v", r, err)
	}
}
