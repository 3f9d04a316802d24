package core_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// build puts a version of the fake engine into a folder of its own; program is empty,
// or a script in its place.
func (h *house) build(version, program string) (dir string) {
	h.t.Helper()
	dir = filepath.Join(h.t.TempDir(), version)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(plugins, "engine-echo"))); err != nil {
		h.t.Fatal(err)
	}
	file := filepath.Join(dir, "plugin.json")
	text, err := os.ReadFile(file)
	if err != nil {
		h.t.Fatal(err)
	}
	var manifest map[string]any
	if err := json.Unmarshal(text, &manifest); err != nil {
		h.t.Fatal(err)
	}
	manifest["version"] = version
	if program != "" {
		manifest["entry"] = "bin/script"
		if err := os.WriteFile(filepath.Join(dir, "bin", "script"), []byte(program), 0o700); err != nil {
			h.t.Fatal(err)
		}
	}
	if text, err = json.Marshal(manifest); err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return dir
}

// develop has a folder be that of the plugin that is being written; empty is none.
func (h *house) develop(dir string) core.Event {
	h.t.Helper()
	return h.developAs("echo", dir)
}

func (h *house) developAs(plugin, dir string) core.Event {
	h.t.Helper()
	s := h.listen(0)
	defer s.Close()
	err := core.LeaveDev(h.home, int32(os.Getpid()))
	if dir != "" {
		err = core.EnterDev(h.home, plugin, core.DevPlugin{Dir: dir, Pid: int32(os.Getpid())})
	}
	if err != nil {
		h.t.Fatal(err)
	}
	for {
		if e := come(h.t, s.C); e.Type == core.EventPluginChanged {
			return e
		}
	}
}

// TestPluginChangesUnderLoad: versions come and go, one of them bad, while requests
// stream: none of them fails.
func TestPluginChangesUnderLoad(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": `"settings": {"tokens": 20, "tokens_per_second": 100}`})
	h.edit("second", `{"engine": "echo", "settings": {"tokens": 5}}`)
	h.on("second", "n")
	stop := make(chan struct{})
	var load sync.WaitGroup
	var streams atomic.Int32
	for _, model := range []string{"m", "m", "n"} {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				h.answers(model)
				streams.Add(1)
			}
		})
	}
	h.until("requests are answered", func() bool { return streams.Load() > 0 })
	for _, step := range []struct{ version, program, refused string }{
		{"0.2.0", "", ""},
		{"0.3.0", "#!/bin/sh\necho no driver >&2; exit 3\n", "no driver"},
		{"0.4.0", "", ""},
	} {
		e := h.develop(h.build(step.version, step.program))
		if e.Plugin != "echo" || e.Note != step.version || (e.Error != "") != (step.refused != "") || !strings.Contains(e.Error, step.refused) {
			t.Errorf("version %s: %+v", step.version, e)
		}
		before := streams.Load()
		h.until("requests are answered after "+step.version, func() bool { return streams.Load() > before+5 })
	}
	h.develop("")
	close(stop)
	load.Wait()
}

// TestPluginTakesOver: the new version answers what comes, the old one ends what it has.
func TestPluginTakesOver(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": `"settings": {"tokens": 40, "tokens_per_second": 80}`})
	lease := h.acquire("m", core.Ask{})
	old, stream := h.pids("echo"), h.stream(lease)
	h.develop(h.build("0.2.0", ""))
	h.use("m")
	if now := h.pids("echo"); len(now) != 2 || now[0] != old[0] {
		t.Errorf("the processes are %v after %v", now, old)
	}
	if n := stream.tokens(); n != 40 {
		t.Errorf("the old process gave %d tokens", n)
	}
	lease.Release()
	h.until("the old process has ended", func() bool { return len(h.pids("echo")) == 1 })
	h.develop(h.build("0.3.0", "#!/bin/sh\nexit 3\n"))
	if now := h.pids("echo"); len(now) != 1 {
		t.Errorf("after a version that does not come up: %v", now)
	}
	h.use("m")
}

// TestImporterTakesOver: who asks the old version gets its answer, and a bad one is asked
// by nobody.
func TestImporterTakesOver(t *testing.T) {
	c := newCatalogue(t)
	c.offer("slow", c.plan("slow", 1))
	c.offer("quick", c.plan("quick", 1))
	release := c.hold("/plans/slow")
	defer release()
	h := c.shop(core.Limits{}, core.Downloads{})
	version := func(version, program string) string {
		dir := h.build(version, program)
		text, err := os.ReadFile(filepath.Join(h.home, "plugins", "fake", "plugin.json"))
		if err == nil && program != "" {
			text = []byte(strings.Replace(string(text), `"entry": "importer"`, `"entry": "bin/script"`, 1))
		} else if err == nil {
			err = os.Link(filepath.Join(plugins, "importer"), filepath.Join(dir, "importer"))
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "plugin.json"), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	resolve := func(ref string) error {
		_, err := h.Plans(t.Context(), core.PullRequest{Ref: sdk.Ref("fake://" + ref)})
		return err
	}
	slow := make(chan error, 1)
	go func() { slow <- resolve("slow") }()
	h.until("the old one asks", func() bool { return len(c.requests("/plans/slow")) == 1 })
	if e := h.developAs("fake", version("0.2.0", "")); e.Error != "" {
		t.Fatal(e.Error)
	}
	if err := resolve("quick"); err != nil { // by the new one
		t.Error(err)
	}
	release()
	if err := come(t, slow); err != nil {
		t.Errorf("what was in flight: %v", err)
	}
	if e := h.developAs("fake", version("0.3.0", "#!/bin/sh\nexit 3\n")); e.Error == "" {
		t.Fatal("a bad version is taken")
	}
	if err := resolve("quick"); err != nil {
		t.Errorf("after a bad version: %v", err)
	}
}
