package pluginhost_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// install makes a plugin's folder with a copy of the echo program.
func install(t *testing.T, dirs, name, manifest string, mode fs.FileMode) {
	t.Helper()
	dir := filepath.Join(dirs, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join(plugins, "echo", "bin", "engine-echo"))
	if err != nil {
		t.Fatal(err)
	}
	for file, c := range map[string]struct {
		data []byte
		mode fs.FileMode
	}{"program": {program, mode}, pluginhost.ManifestFile: {[]byte(manifest), 0o600}} {
		if err := os.WriteFile(filepath.Join(dir, file), c.data, c.mode); err != nil {
			t.Fatal(err)
		}
	}
}

// A broken plugin is listed with its fault, and the others work.
func TestABrokenPluginIsListedWithItsFault(t *testing.T) {
	t.Parallel()
	const whole = `{"name": "me/%s", "version": "1.0.0", "kinds": ["engine"], "entry": "program"%s}`
	for name, c := range map[string]struct {
		manifest string
		mode     fs.FileMode
		says     []string
	}{
		"not-json":       {`{"name": `, 0o700, []string{"plugin.json"}},
		"no-entry":       {`{"name": "me/no-entry", "version": "1.0.0", "kinds": ["engine"]}`, 0o700, []string{"plugin.json", "entry"}},
		"no-program":     {`{"name": "me/no-program", "version": "1.0.0", "kinds": ["engine"], "entry": "other"}`, 0o700, []string{`"other" is not there`}},
		"outside":        {`{"name": "me/outside", "version": "1.0.0", "kinds": ["engine"], "entry": "../outside/program"}`, 0o700, []string{"entry"}},
		"absolute":       {`{"name": "me/absolute", "version": "1.0.0", "kinds": ["engine"], "entry": "/bin/true"}`, 0o700, []string{"entry"}},
		"folder":         {`{"name": "me/folder", "version": "1.0.0", "kinds": ["engine"], "entry": "."}`, 0o700, []string{"entry"}},
		"not-executable": {fmt.Sprintf(whole, "not-executable", ""), 0o600, []string{"is not a program"}},
		"other-platform": {fmt.Sprintf(whole, "other-platform", `, "platform": {"os": "windows", "arch": "arm64"}`), 0o700, []string{"built for windows/arm64"}},
		"other-core":     {fmt.Sprintf(whole, "other-core", `, "core": ">=9"`), 0o700, []string{"works with Engine Bay >=9, and this is 0.3.0"}},
		"other-protocol": {fmt.Sprintf(whole, "other-protocol", `, "protocol": [2, 3]`), 0o700, []string{"protocol [2 3]", "this core speaks 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			dirs := home(t)
			install(t, dirs, name, c.manifest, c.mode)
			host, _ := newHost(t, func(config *pluginhost.Config) {
				config.Plugins, config.Version = pluginhost.Dirs(dirs, plugins), "0.3.0"
			})
			all := host.Plugins()
			if len(all) != 3 || all[0].Name != name || all[0].Err == nil {
				t.Fatalf("listed: %+v", all)
			}
			_, err := host.Connect(t.Context(), pluginhost.Deployment{ID: name, Plugin: name})
			refused(t, err, sdk.CodeUnavailable, append(c.says, "plugin "+name+" cannot be used")...)
			if state := all[0].State(); state == pluginhost.Ready || strings.HasPrefix(name, "other") != (state == pluginhost.NotCompatible) {
				t.Errorf("the state is %s", state)
			}
			if st := host.Status(name); st.State != pluginhost.StateStopped || st.Crashes != 0 {
				t.Errorf("nothing was started, but the status is %+v", st)
			}
			connect(t, host, echo(nil))
		})
	}
}

func TestAPluginThatIsNotInstalled(t *testing.T) {
	t.Parallel()
	dirs := home(t)
	host, _ := newHost(t, func(c *pluginhost.Config) { c.Plugins = append(c.Plugins, pluginhost.Dirs(dirs)...) })
	d := pluginhost.Deployment{ID: "d", Plugin: "late"}
	for range 10 { // asking often does not make it a crash
		_, err := host.Connect(t.Context(), d)
		refused(t, err, sdk.CodeNotFound, `no plugin "late"`, "installed are echo, rogue")
	}
	install(t, dirs, "late", `{"name": "me/late", "version": "1.0.0", "kinds": ["engine"], "entry": "program"}`, 0o700)
	_, err := host.Connect(t.Context(), d)
	refused(t, err, sdk.CodeInternal, `the program of plugin late says that it is "echo"`) // the folder has a name that its program has not
}

func TestAPluginIsWhatItsFolderSays(t *testing.T) {
	t.Parallel()
	dirs := home(t)
	install(t, dirs, "echo", `{"name": "me/echo", "version": "1.0.0", "kinds": ["engine", "importer"], "entry": "program"}`, 0o700)
	host, _ := newHost(t, func(c *pluginhost.Config) { c.Plugins = pluginhost.Dirs(dirs) })
	_, err := host.Connect(t.Context(), echo(nil))
	refused(t, err, sdk.CodeInternal, "plugin echo is no importer")
}

// Of two plugins with one name the first counts. A folder without plugin.json,
// and one that is not there, hold none.
func TestTheFirstOfTwoPluginsCounts(t *testing.T) {
	t.Parallel()
	dirs := home(t)
	install(t, dirs, "mine", `{"name": "me/echo", "version": "9.0.0", "kinds": ["engine"], "entry": "program"}`, 0o700)
	if err := os.Mkdir(filepath.Join(dirs, "no-plugin"), 0o700); err != nil {
		t.Fatal(err)
	}
	host, _ := newHost(t, func(c *pluginhost.Config) {
		c.Plugins = pluginhost.Dirs(filepath.Join(dirs, "not-there"), dirs, plugins)
	})
	p, err := host.Plugin("echo")
	if err != nil || p.Version != "9.0.0" || p.Manifest.Name != "me/echo" || !p.Is(sdk.KindEngine) || p.Is(sdk.KindImporter) {
		t.Errorf("echo is %+v, %v", p, err)
	}
	if n := len(host.Plugins()); n != 2 {
		t.Errorf("%d plugins", n)
	}
}

// A plugin runs in its run folder; where its own folder is named by a path
// relative to the core's, it must be found all the same.
func TestARelativePluginFolderWorks(t *testing.T) {
	t.Chdir(filepath.Dir(plugins))
	host, _ := newHost(t, func(c *pluginhost.Config) { c.Plugins = pluginhost.Dirs(filepath.Base(plugins)) })
	connect(t, host, echo(nil))
}
