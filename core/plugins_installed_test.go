package core_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/pluginhost"
)

// crashes is the program of a version that does not come up.
const crashes = "#!/bin/sh\necho no driver >&2; exit 3\n"

// beside is what installs plugins beside the server; it does not try them first.
func (h *house) beside() *install.Installer {
	h.t.Helper()
	host, err := pluginhost.New(pluginhost.Config{RunDir: h.t.TempDir(), Log: h.logger})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(host.Close)
	i, err := core.NewInstaller(core.InstallerConfig{Home: h.home, Host: host, Version: "dev", Log: h.logger,
		Downloads: func() core.Downloads { return core.Downloads{} },
		Probe:     func(context.Context, string, packages.Manifest) error { return nil }})
	if err != nil {
		h.t.Fatal(err)
	}
	return i
}

// install makes a version of the fake engine the current one.
func (h *house) install(version, program string) {
	h.t.Helper()
	dir := h.build(version, program)
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("# echo\n"), 0o600); err != nil {
		h.t.Fatal(err)
	}
	if _, err := packages.Seal(dir); err != nil {
		h.t.Fatal(err)
	}
	i := h.beside()
	p, err := i.Plan(h.t.Context(), dir, install.Options{})
	if err == nil {
		_, err = i.Apply(h.t.Context(), p, nil)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// installed is the version that is current, once the runtime has tried it.
func (h *house) installed() string {
	h.t.Helper()
	if _, err := h.FollowPlugin(h.t.Context(), "enginebay/echo", ""); err != nil {
		h.t.Fatal(err)
	}
	p, err := h.beside().Plugin("echo")
	if err != nil {
		h.t.Fatal(err)
	}
	return p.Current
}

// TestTwoBadVersionsInARow: the version that worked counts again, not the bad one that
// nobody had time to try.
func TestTwoBadVersionsInARow(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": ""})
	h.install("0.2.0", "")
	if now := h.installed(); now != "0.2.0" {
		t.Fatalf("%s is in use", now)
	}
	h.use("m")
	h.install("0.3.0", crashes)
	h.install("0.4.0", crashes+"\n")
	if now := h.installed(); now != "0.2.0" {
		t.Errorf("%s is in use", now)
	}
	h.kill()
	h.start("m")
}

// TestBadVersionAtTheStart: a server that ended before it had tried a version leaves
// that to the next one.
func TestBadVersionAtTheStart(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": ""})
	h.install("0.2.0", "")
	if now := h.installed(); now != "0.2.0" {
		t.Fatalf("%s is in use", now)
	}
	h.Close()
	h.install("0.3.0", crashes)
	var err error
	if h.Runtime, err = core.Open(core.Config{Home: h.home, PluginDirs: []string{filepath.Join(h.home, "plugins"), plugins}, Log: h.logger}); err != nil {
		t.Fatal(err)
	}
	if now := h.installed(); now != "0.2.0" {
		t.Errorf("%s is in use", now)
	}
	h.use("m")
}

// TestShutdownIsNoVerdict: what a server breaks off at its end is not refused, and not
// taken for proven.
func TestShutdownIsNoVerdict(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": ""})
	h.install("0.2.0", "")
	h.installed()
	began := filepath.Join(t.TempDir(), "began")
	h.write("engines/echo.json", `{"sandbox": {"mode": "off"}, "env": {"BEGAN": "`+began+`"}}`)
	h.install("0.3.0", "#!/bin/sh\ntouch $BEGAN; exec sleep 30\n")
	h.until("the new version is tried", func() bool { _, err := os.Stat(began); return err == nil })
	h.Close()
	text, err := os.ReadFile(filepath.Join(h.home, install.BookFile))
	if err != nil {
		t.Fatal(err)
	}
	var book struct {
		Plugins map[string]struct {
			Current, Proven string
			Refused         map[string]any
		}
	}
	if err := json.Unmarshal(text, &book); err != nil {
		t.Fatal(err)
	}
	if p := book.Plugins["enginebay/echo"]; p.Current == p.Proven || len(p.Refused) > 0 {
		t.Errorf("%+v", p)
	}
}

// TestTwoBadBuildsInARow: the author is told of the second one too.
func TestTwoBadBuildsInARow(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": ""})
	h.use("m")
	for _, version := range []string{"0.2.0", "0.3.0"} {
		if e := h.develop(h.build(version, crashes)); e.Error == "" {
			t.Errorf("version %s: %+v", version, e)
		}
	}
	h.use("m")
	h.develop("")
}

// TestRemovedUnderLoad: what is in flight ends where it is, nothing runs after it, and
// what is installed again works.
func TestRemovedUnderLoad(t *testing.T) {
	for name, file := range map[string]string{"no file": "", "a person's file": `{"description": "mine"}`} {
		t.Run(name, func(t *testing.T) {
			h := openWith(t, core.Config{}, map[string]string{"m": `"settings": {"tokens": 20, "tokens_per_second": 100}`})
			h.install("0.2.0", "")
			if file != "" {
				h.write("engines/echo.json", file)
			}
			h.installed()
			lease := h.acquire("m", core.Ask{})
			stream, old := h.stream(lease), h.pids("echo")[0]
			s := h.listen(0)
			defer s.Close()
			if err := h.beside().Remove(t.Context(), "echo"); err != nil {
				t.Fatal(err)
			}
			for e := come(t, s.C); e.Type != core.EventPluginChanged; e = come(t, s.C) {
			}
			if n := stream.tokens(); n != 20 {
				t.Errorf("%d tokens", n)
			}
			lease.Release()
			if err := h.once("m", core.Ask{}); err == nil {
				t.Error("it is loaded without a plugin")
			}
			h.until("the process has ended", func() bool { return syscall.Kill(old, 0) != nil })
			h.install("0.3.0", "")
			h.installed()
			h.use("m")
		})
	}
}

// TestBrokenDeploymentHoldsNoUpgradeUp: one that starts with no version says nothing of
// the next one.
func TestBrokenDeploymentHoldsNoUpgradeUp(t *testing.T) {
	h := openWith(t, core.Config{}, map[string]string{"m": ""})
	h.write("engines/broken.json", `{"engine": "echo", "settings": {"crash_on": "configure"}}`)
	h.install("0.2.0", "")
	h.installed()
	h.install("0.3.0", "")
	if now := h.installed(); now != "0.3.0" {
		t.Errorf("%s is in use", now)
	}
	h.use("m")
}
