package install_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// locked installs what a lock file says.
func locked(w *world, more ...func(*install.Config)) error {
	i := w.installer(more...)
	plans, err := i.Locked(context.Background(), nil, install.Options{})
	if err != nil {
		return err
	}
	for _, p := range plans {
		if _, err := i.Apply(context.Background(), p, nil); err != nil {
			return err
		}
	}
	return nil
}

// another is a home that has only the lock file of w, and its registries.
func (w *world) another() *world {
	w.t.Helper()
	other := *w
	other.home, other.probed = w.t.TempDir(), nil
	text, err := os.ReadFile(filepath.Join(w.home, install.LockFile))
	must(w.t, err)
	write(w.t, filepath.Join(other.home, install.LockFile), string(text))
	must(w.t, registry.WriteSources(other.home, []registry.Source{{Name: "main", URL: w.url, Key: w.key.Public().String()}}))
	return &other
}

// TestLocked: a lock file brings the same versions elsewhere, whatever the registry has
// by then, and is not changed by that.
func TestLocked(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"), w.echo("1.1.0").with(func(p *parcel) { p.name = "acme/shelf"; p.kind = sdk.KindImporter }))
	w.install("echo@^1", install.Options{})
	w.install("shelf", install.Options{})
	w.publish(w.echo("1.9.0"))
	w.yank("acme/echo", "1.0.0", "old")
	w.index.Expires = time.Now().Add(-time.Hour)
	w.sign()
	other := w.another()
	plans, err := other.installer().Locked(context.Background(), []string{"echo"}, install.Options{})
	if err != nil || len(plans) != 1 || !strings.Contains(strings.Join(plans[0].Warnings, ""), "is yanked: old") {
		t.Errorf("%+v, %v", plans, err)
	}
	must(t, locked(other))
	if other.current("echo") != "1.0.0" || other.current("shelf") != "1.1.0" || !slices.Equal(other.probed, []string{"1.0.0", "1.1.0"}) {
		t.Errorf("%s, %s; tried %v", other.current("echo"), other.current("shelf"), other.probed)
	}
	was, now := w.lock(), other.lock()
	for name, l := range was.Plugins {
		if !equal(l, now.Plugins[name]) {
			t.Errorf("locked was %+v, is %+v", l, now.Plugins[name])
		}
	}
	must(t, locked(other)) // again: nothing to do
	if all, err := other.installer().Installed(); err != nil || all[0].Constraint != "^1" || len(other.probed) != 4 {
		t.Errorf("%+v, %v; tried %v", all, err, other.probed)
	}
}

func equal(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// TestLockedOnAnotherPlatform: one lock file serves all machines.
func TestLockedOnAnotherPlatform(t *testing.T) {
	w := newWorld(t)
	cuda := w.echo("1.0.0").with(func(p *parcel) { p.variant = "cuda12" })
	w.publish(w.echo("1.0.0"), cuda)
	v := &w.index.Plugins["acme/echo"].Versions["1.0.0"].Variants[1]
	v.Requires.Accelerator = "cuda"
	w.sign()
	w.install("echo", install.Options{})
	if n := len(w.lock().Plugins["acme/echo"].Variants); n != 2 {
		t.Fatalf("%d variants are locked", n)
	}
	other := w.another()
	gpu := func(c *install.Config) {
		c.Machine = func() registry.Machine {
			m := machine()
			m.Accelerators = map[string]string{"cuda": "550"}
			return m
		}
	}
	must(t, locked(other, gpu))
	if all, err := other.installer().Installed(); err != nil || all[0].Versions[0].Variant != "cuda12" {
		t.Errorf("%+v, %v", all, err)
	}
	err := locked(w.another(), func(c *install.Config) {
		c.Machine = func() registry.Machine { return registry.Machine{OS: "plan9", Arch: "mips"} }
	})
	refused(t, err, sdk.CodeUnsupported, "has no package of acme/echo 1.0.0 for this machine", "is for linux")
}

// TestLockedIsExact: other bytes than those of the lock file are not installed, wherever
// they come from.
func TestLockedIsExact(t *testing.T) {
	for name, c := range map[string]struct {
		tamper func(*world)
		code   sdk.Code
		says   string
	}{
		"another archive": {func(w *world) { w.forge(w.echo("1.0.0").with(func(p *parcel) { p.text = "evil" })) }, sdk.CodeInvalid, "was changed"},
		"another archive, and the index says so": {func(w *world) {
			delete(w.index.Plugins, "acme/echo")
			w.publish(w.echo("1.0.0").with(func(p *parcel) { p.text = "evil" }))
		}, sdk.CodeInvalid, "was changed"},
		"it is gone": {func(w *world) { must(w.t, os.Remove(w.archive("acme/echo", "1.0.0"))) }, sdk.CodeNotFound, ""},
		"the publisher's key is another": {func(w *world) {
			w.edit(func(l *install.Lock) { l.Publishers["acme"] = []string{newKey(w.t).Public().String()} })
		}, sdk.CodeInvalid, "another key of acme"},
		"unsigned, from elsewhere": {func(w *world) {
			delete(w.index.Plugins, "acme/echo")
			w.publish(w.echo("1.0.0").with(func(p *parcel) { p.key = nil }))
			w.edit(func(l *install.Lock) {
				v := w.index.Plugins["acme/echo"].Versions["1.0.0"].Variants[0]
				l.Plugins["acme/echo"].Variants[here()] = install.LockedVariant{URL: "https://example.com", SHA256: v.SHA256, Digest: v.Digest}
			})
		}, sdk.CodeInvalid, "is not signed"},
		"a lock without hashes": {func(w *world) {
			w.edit(func(l *install.Lock) {
				l.Plugins["acme/echo"].Variants[here()] = install.LockedVariant{URL: "https://example.com"}
			})
		}, sdk.CodeInvalid, "has no hash"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish(w.echo("1.0.0"))
			w.install("echo", install.Options{})
			other := w.another()
			c.tamper(other)
			err := locked(other)
			refused(t, err, c.code, c.says)
			if len(other.stored()) != 0 || len(other.probed) != 0 {
				t.Errorf("the store has %v; tried %v", other.stored(), other.probed)
			}
		})
	}
}

// edit changes a lock file by hand.
func (w *world) edit(change func(*install.Lock)) {
	w.t.Helper()
	l := w.lock()
	change(&l)
	text, err := json.Marshal(l)
	must(w.t, err)
	write(w.t, filepath.Join(w.home, install.LockFile), string(text))
}

func TestLockedNames(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"))
	_, err := w.installer().Locked(context.Background(), nil, install.Options{})
	refused(t, err, sdk.CodeNotFound, "names no plugins")
	w.install("echo", install.Options{})
	_, err = w.installer().Locked(context.Background(), []string{"shelf"}, install.Options{})
	refused(t, err, sdk.CodeNotFound, "does not name shelf")
	plans, err := w.installer().Locked(context.Background(), []string{"echo"}, install.Options{})
	if err != nil || len(plans) != 1 || plans[0].Action != install.Nothing {
		t.Errorf("%v, %v", plans, err)
	}
}

// TestLockedWithoutKeys: where no key is pinned, the hash in the lock file vouches.
func TestLockedWithoutKeys(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"))
	w.install("echo", install.Options{})
	other := w.another()
	other.edit(func(l *install.Lock) { l.Publishers = nil })
	must(t, locked(other))
	if other.current("echo") != "1.0.0" || len(other.lock().Publishers) != 0 {
		t.Errorf("%s; pinned are %v", other.current("echo"), other.lock().Publishers)
	}
}
