package pluginhost_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// sockets returns the sockets below a folder, links followed once.
func sockets(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	if err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type() == fs.ModeSocket {
			found = append(found, file)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestRunFolderIsPrivate(t *testing.T) {
	t.Parallel()
	var c pluginhost.Config
	host, _ := newHost(t, func(config *pluginhost.Config) { c = *config })
	p := connect(t, host, echo(nil))
	if _, err := load(t, p, `{}`); err != nil {
		t.Fatal(err)
	}
	all := sockets(t, c.RunDir)
	if len(all) != 2 {
		t.Errorf("sockets %v; want the plugin's and the instance's", all)
	}
	for _, dir := range []string{c.RunDir, filepath.Join(c.DataDir, "my-echo"), filepath.Dir(all[0])} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", dir, info.Mode(), err)
		}
	}
}

func TestRunFolderIsSwept(t *testing.T) {
	t.Parallel()
	dir := home(t)
	run := filepath.Join(dir, "run")
	left := filepath.Join(run, "p123", "plugin-dir456")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	newHost(t, func(c *pluginhost.Config) { c.RunDir = run })
	if names := entries(t, run); len(names) != 1 || names[0] != "lock" {
		t.Errorf("left: %v", names)
	}
}

func TestRunFolderHasOneOwner(t *testing.T) {
	t.Parallel()
	var c pluginhost.Config
	first, _ := newHost(t, func(config *pluginhost.Config) { c = *config })
	p := connect(t, first, echo(nil))
	_, err := pluginhost.New(c)
	refused(t, err, sdk.CodeUnavailable, "another enginebay serve uses "+filepath.Dir(c.RunDir), "--home")
	if _, err := load(t, p, `{}`); err != nil {
		t.Errorf("the first one suffers: %v", err)
	}
	first.Close()
	second, err := pluginhost.New(c)
	if err != nil {
		t.Fatalf("after the end of the first: %v", err)
	}
	second.Close()
}

// A socket's path may have 103 bytes; homes, and folders for temporary files, may be longer.
func TestALongHomeWorks(t *testing.T) {
	short := home(t)
	longest := 52 // of a run folder whose sockets are short enough
	for name, c := range map[string]struct {
		run, temp string
		away      bool
	}{
		"as long as may be": {filepath.Join(short, strings.Repeat("h", longest-len(short)-1)), "", false},
		"a byte longer":     {filepath.Join(short, strings.Repeat("h", longest-len(short))), "", true},
		"much longer":       {filepath.Join(short, strings.Repeat("h", 200)), "", true},
		"temp is long too":  {filepath.Join(short, strings.Repeat("h", 199)), filepath.Join(short, strings.Repeat("t", 60)), true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.temp != "" {
				t.Setenv("TMPDIR", c.temp)
				if err := os.Mkdir(c.temp, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			config := pluginhost.Config{Plugins: pluginhost.Dirs(plugins), RunDir: c.run, DataDir: filepath.Join(short, "data"), Log: hclog.NewNullLogger()}
			host, err := pluginhost.New(config)
			if err != nil {
				t.Fatal(err)
			}
			defer host.Close()
			if _, err := load(t, connect(t, host, echo(nil)), `{}`); err != nil {
				t.Fatal(err)
			}
			where := c.run
			if c.away {
				if where, err = os.Readlink(filepath.Join(c.run, "away")); err != nil {
					t.Fatal(err)
				}
			}
			all := sockets(t, where)
			if len(all) != 2 {
				t.Errorf("sockets %v", all)
			}
			for _, file := range all {
				if len(file) > 103 {
					t.Errorf("%s has %d bytes", file, len(file))
				}
			}
			host.Close()
			if _, err := os.Stat(where); c.away && err == nil {
				t.Errorf("%s is left", where)
			}
		})
	}
}

// What a killed core left outside its home is found by the link to it.
func TestRunFolderAwayFromHomeIsSwept(t *testing.T) {
	t.Parallel()
	run := filepath.Join(home(t), strings.Repeat("h", 100))
	away, err := os.MkdirTemp("", "eb")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(run, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(away, filepath.Join(run, "away")); err != nil {
		t.Fatal(err)
	}
	newHost(t, func(c *pluginhost.Config) { c.RunDir = run })
	if _, err := os.Stat(away); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", away, err)
	}
}
