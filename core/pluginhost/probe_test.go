package pluginhost_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// TestProbe: a program has to be what its manifest says, in all that both say.
func TestProbe(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	for name, c := range map[string]struct {
		change func(*packages.Manifest)
		code   sdk.Code
		says   string
		schema string // written beside the manifest
	}{
		"as it is":       {func(*packages.Manifest) {}, "", "", ""},
		"another name":   {func(m *packages.Manifest) { m.Name = "me/other" }, sdk.CodeInvalid, `its name is "other", and the program says "echo"`, ""},
		"newer":          {func(m *packages.Manifest) { m.Version = "9.0.0" }, sdk.CodeInvalid, `its version is "9.0.0", and the program says "0.1.0"`, ""},
		"one more kind":  {func(m *packages.Manifest) { m.Kinds = append(m.Kinds, sdk.KindImporter) }, sdk.CodeInvalid, "its kinds is", ""},
		"one less":       {func(m *packages.Manifest) { m.Capabilities = m.Capabilities[:1] }, sdk.CodeInvalid, "its capabilities is", ""},
		"no program":     {func(m *packages.Manifest) { m.Entry = "bin/nothing" }, sdk.CodeInvalid, "is not there", ""},
		"outside":        {func(m *packages.Manifest) { m.Entry = "../rogue/rogue" }, sdk.CodeInvalid, "outside", ""},
		"does not start": {func(m *packages.Manifest) { m.Entry = "mute" }, sdk.CodeUnavailable, "did not start", ""},
		"other settings": {func(*packages.Manifest) {}, sdk.CodeInvalid, "settings.schema.json is another", `{"type": "object"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(home(t), "echo")
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(plugins, "echo"))); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "mute"), []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			if c.schema != "" {
				if err := os.WriteFile(filepath.Join(dir, packages.SettingsFile), []byte(c.schema), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			m, err := packages.ReadManifest(dir)
			if err != nil {
				t.Fatal(err)
			}
			c.change(&m)
			err = host.Probe(t.Context(), dir, m)
			if c.code == "" && err != nil {
				t.Error(err)
			} else if c.code != "" {
				refused(t, err, c.code, c.says)
			}
		})
	}
	if st := host.Status("echo"); st.State != pluginhost.StateStopped || st.Crashes != 0 {
		t.Errorf("its status is %+v", st)
	}
}

// TestProbeOfABadSchema: settings that nobody could ever check are no settings.
func TestProbeOfABadSchema(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	dir := home(t)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(plugins, "rogue"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "bin", "rogue"), filepath.Join(dir, "bin", "real")); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\nROGUE=schema exec " + filepath.Join(dir, "bin", "real") + "\n" // it may run only what its package has
	if err := os.WriteFile(filepath.Join(dir, "bin", "rogue"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	m, err := packages.ReadManifest(filepath.Join(plugins, "rogue"))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, host.Probe(t.Context(), dir, m), sdk.CodeInvalid, "bad settings schema")
}
