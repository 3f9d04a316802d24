package pluginhost_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// TestInstalledPluginThatWasChangedIsNotStarted: each start looks at the whole
// package, also after one that went well.
func TestInstalledPluginThatWasChangedIsNotStarted(t *testing.T) {
	t.Parallel()
	flip := func(t *testing.T, file string) { // one byte, with size and time as before
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)-1] ^= 1
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string)
		words  string
	}{
		"a byte of a file":      {func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "README.md")) }, "README.md was changed"},
		"a byte of the program": {func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "bin", "program")) }, "program was changed"},
		"a file more": {func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "libs.so"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "libs.so was added"},
		"another package": {func(t *testing.T, dir string) {
			flip(t, filepath.Join(dir, "README.md"))
			if _, err := packages.Seal(dir); err != nil {
				t.Fatal(err)
			}
		}, "another package"},
		"a folder that is gone": {func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "README.md")); err != nil {
				t.Fatal(err)
			}
		}, "README.md is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			dirs := home(t)
			dir := filepath.Join(dirs, "whole")
			install(t, dirs, "whole", `{"name": "me/echo", "version": "1.0.0", "kinds": ["engine"], "entry": "bin/program"}`, 0o700)
			if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(dir, "program"), filepath.Join(dir, "bin", "program")); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("# me\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			p, err := packages.Seal(dir)
			if err != nil {
				t.Fatal(err)
			}
			host, _ := newHost(t, func(config *pluginhost.Config) {
				config.Plugins = []pluginhost.Source{func() []pluginhost.Folder { return []pluginhost.Folder{{Dir: dir, Digest: p.Digest}} }}
			})
			for range 2 { // the second start reads no file
				if err := host.Try(t.Context(), echo(nil)); err != nil {
					t.Fatal(err)
				}
			}
			c.change(t, dir)
			err = host.Try(t.Context(), echo(nil))
			refused(t, err, sdk.CodeUnavailable, c.words, "plugin verify echo")
			if err != nil && strings.Contains(err.Error(), dir) {
				t.Errorf("the error names the server's folder: %v", err)
			}
		})
	}
}
