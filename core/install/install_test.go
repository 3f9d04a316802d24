package install_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

func TestInstallByName(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"), w.echo("1.2.0"), w.echo("2.0.0-rc.1"))
	i := w.installer()
	p, err := i.Plan(context.Background(), "echo", install.Options{})
	must(t, err)
	if p.Name != "acme/echo" || p.Version != "1.2.0" || p.Action != install.Install || p.Source != "main" || len(p.Passed) != 1 || !strings.Contains(p.Passed[0].Reason, "preview") {
		t.Errorf("the plan is %+v", p)
	}
	if all, err := install.Current(w.home); len(all) != 0 || err != nil {
		t.Errorf("a plan installed %v, %v", all, err)
	}
	var steps []string
	r, err := i.Apply(context.Background(), p, func(p install.Progress) { steps = append(steps, p.Step) })
	must(t, err)
	if w.current("echo") != "1.2.0" || r.Plugin.Current != "1.2.0" || !slices.Contains(steps, install.Trying) || !slices.Equal(w.probed, []string{"1.2.0"}) {
		t.Errorf("%+v; steps %v; tried %v", r, steps, w.probed)
	}
	if key := w.lock().Publishers["acme"]; !slices.Equal(key, []string{w.acme.Public().String()}) {
		t.Errorf("pinned is %v", key)
	}
	if l := w.lock().Plugins["acme/echo"]; l.Version != "1.2.0" || l.Source != "main" || l.Variants[here()].Digest != r.Plugin.Versions[0].Digest {
		t.Errorf("locked is %+v", l)
	}
	if text, err := os.ReadFile(filepath.Join(w.home, "engines", "echo.json")); err != nil || !strings.Contains(string(text), `"engine": "echo"`) || r.EngineFile == "" {
		t.Errorf("engines/echo.json: %q, %v", text, err)
	}
	if left := w.stored(); len(left) != 1 {
		t.Errorf("the store has %v", left)
	}
	p, err = i.Plan(context.Background(), "acme/echo@^1", install.Options{})
	if err != nil || p.Action != install.Nothing {
		t.Errorf("again: %+v, %v", p, err)
	}
}

func here() string { return runtime.GOOS + "/" + runtime.GOARCH + "/default" }

// TestTheTreeIsReadOnly: no file in the store is changed by mistake.
func TestTheTreeIsReadOnly(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"))
	r := w.install("echo", install.Options{})
	must(t, filepath.Walk(r.Plugin.Versions[0].Dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() && info.Mode().Perm()&0o222 != 0 {
			t.Errorf("%s has %v", path, info.Mode())
		}
		return err
	}))
}

func TestWhichVersionIsTaken(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"), w.echo("1.1.0"), w.echo("2.0.0"), w.echo("3.0.0").with(func(p *parcel) { p.core = ">=9" }))
	w.yank("acme/echo", "2.0.0", "it loses words")
	for text, want := range map[string]string{
		"echo": "1.1.0", "echo@latest": "1.1.0", "acme/echo@1.0.0": "1.0.0", "echo@~1.0": "1.0.0", "echo@>=1 <2": "1.1.0", "echo@2.0.0": "2.0.0",
	} {
		p, err := w.installer().Plan(context.Background(), text, install.Options{})
		if err != nil || p.Version != want {
			t.Errorf("%s is %+v, %v; wanted %s", text, p, err, want)
		}
		if want == "2.0.0" && err == nil && !strings.Contains(strings.Join(p.Warnings, ""), "it loses words") {
			t.Errorf("no warning: %v", p.Warnings)
		}
	}
	for text, c := range map[string]struct {
		code sdk.Code
		says []string
	}{
		"echo@^4":    {sdk.CodeNotFound, []string{"has no version ^4", "there are 3.0.0, 2.0.0, 1.1.0"}},
		"echo@3.0.0": {sdk.CodeUnsupported, []string{"3.0.0", ">=9", "0.3.0"}},
		"echo@^2":    {sdk.CodeUnsupported, []string{"it loses words"}},
		"acme/ecko":  {sdk.CodeNotFound, []string{"did you mean", "echo"}},
		"echo@~~1":   {sdk.CodeInvalid, []string{"no range of versions"}},
		"Echo":       {sdk.CodeInvalid, []string{"names no plugin"}},
		"a/b/echo":   {sdk.CodeInvalid, []string{"as in ./a/b/echo"}},
	} {
		_, err := w.installer().Plan(context.Background(), text, install.Options{})
		refused(t, err, c.code, c.says...)
	}
}

// TestVersionsSideBySide: versions stay until they are removed, and any of them can be
// gone back to.
func TestVersionsSideBySide(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"), w.echo("1.1.0"), w.echo("1.2.0"))
	i, ctx := w.installer(), context.Background()
	for _, v := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		w.install("echo@"+v, install.Options{})
	}
	p, err := i.Rollback(ctx, "echo")
	if err != nil || p.Current != "1.1.0" || p.Previous != "1.2.0" || w.current("echo") != "1.1.0" || w.lock().Plugins["acme/echo"].Version != "1.1.0" {
		t.Fatalf("%+v, %v", p, err)
	}
	if p, err = i.Rollback(ctx, "echo"); err != nil || p.Current != "1.2.0" {
		t.Errorf("twice: %+v, %v", p, err)
	}
	if p, err = i.Use(ctx, "echo", "1.0.0"); err != nil || p.Current != "1.0.0" || len(p.Versions) != 3 || len(w.stored()) != 3 {
		t.Errorf("use: %+v, %v", p, err)
	}
	_, err = i.Use(ctx, "echo", "9.9.9")
	refused(t, err, sdk.CodeNotFound, "1.2.0, 1.1.0, 1.0.0 (current)")
	refused(t, i.Remove(ctx, "echo@1.0.0"), sdk.CodeInvalid, "is the version in use", "enginebay plugin use")
	must(t, i.Remove(ctx, "echo@1.2.0"))
	if len(w.stored()) != 2 {
		t.Errorf("the store has %v", w.stored())
	}
	_, err = i.Rollback(ctx, "echo")
	refused(t, err, sdk.CodeNotFound, "no earlier version")
	must(t, i.Remove(ctx, "echo@1.1.0"))
	refused(t, i.Remove(ctx, "echo@1.0.0"), sdk.CodeInvalid, "is the only version")
	must(t, i.Remove(ctx, "echo"))
	if len(w.stored()) != 0 || w.current("echo") != "" || len(w.lock().Plugins) != 0 {
		t.Errorf("the store has %v, the lock %+v", w.stored(), w.lock())
	}
	if _, err := os.Stat(filepath.Join(w.home, "engines", "echo.json")); !os.IsNotExist(err) {
		t.Errorf("its file of the engines stays: %v", err)
	}
	refused(t, i.Remove(ctx, "echo"), sdk.CodeNotFound, "none is")
}

// TestAnEngineFileOfAPersonStays, when the plugin comes and when it goes.
func TestAnEngineFileOfAPersonStays(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"))
	file := filepath.Join(w.home, "engines", "echo.json")
	write(t, file, "{ /* mine */ }")
	if r := w.install("echo", install.Options{}); r.EngineFile != "" {
		t.Errorf("made %s", r.EngineFile)
	}
	must(t, w.installer().Remove(context.Background(), "echo"))
	if text, err := os.ReadFile(file); err != nil || string(text) != "{ /* mine */ }" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestPin(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"))
	w.install("echo", install.Options{})
	i, ctx := w.installer(), context.Background()
	if p, err := i.Pin(ctx, "echo", true); err != nil || !p.Pinned {
		t.Fatalf("%+v, %v", p, err)
	}
	w.publish(w.echo("1.1.0"))
	plans, kept, err := i.Upgrades(ctx, nil, install.Options{})
	if err != nil || len(plans) != 0 || len(kept) != 1 || !strings.Contains(kept[0].Reason, "is pinned to 1.0.0") {
		t.Errorf("%v, %v, %v", plans, kept, err)
	}
	_, err = i.Plan(ctx, "echo@1.1.0", install.Options{})
	refused(t, err, sdk.CodeInvalid, "is pinned to 1.0.0", "pin --off")
	_, err = i.Pin(ctx, "echo", false)
	must(t, err)
	w.install("echo", install.Options{})
	if w.current("echo") != "1.1.0" {
		t.Error("it is not upgraded")
	}
}

// TestUpgrade keeps to what was asked for at the install, and passes over what did not
// come up.
func TestUpgrade(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"))
	w.install("echo@^1", install.Options{})
	w.publish(w.echo("1.1.0"), w.echo("2.0.0"))
	i, ctx := w.installer(), context.Background()
	plans, _, err := i.Upgrades(ctx, []string{"echo"}, install.Options{})
	if err != nil || len(plans) != 1 || plans[0].Version != "1.1.0" || plans[0].Before != "1.0.0" || plans[0].Action != install.Upgrade {
		t.Fatalf("%+v, %v", plans, err)
	}
	r, err := i.Apply(ctx, plans[0], nil)
	if err != nil || r.EngineFile != "" || r.Plugin.Previous != "1.0.0" || r.Plugin.Constraint != "^1" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, kept, err := i.Upgrades(ctx, nil, install.Options{}); err != nil || len(kept) != 1 || kept[0].Reason != "is up to date with ^1; there is 2.0.0: enginebay plugin install acme/echo" {
		t.Errorf("%v, %v", kept, err)
	}
	back, err := install.Refuse(ctx, w.home, "echo", r.Plugin.Versions[0].Digest, "it does not know tokens")
	if err != nil || back.Version != "1.0.0" {
		t.Fatalf("%v, %v", back, err)
	}
	_, kept, err := i.Upgrades(ctx, nil, install.Options{})
	if err != nil || len(kept) != 1 || !strings.Contains(kept[0].Reason, "it does not know tokens") {
		t.Errorf("%v, %v", kept, err)
	}
	all, err := i.Installed()
	if err != nil || all[0].Versions[0].Refused == "" {
		t.Errorf("%+v, %v", all, err)
	}
	p, err := i.Use(ctx, "echo", "1.1.0") // a person wants it tried again
	if err != nil || p.Versions[0].Refused != "" {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestOneShortNameOnly: models know no publishers.
// TestTheVersionInUseIsYanked: whoever has it is told, with what to do.
func TestTheVersionInUseIsYanked(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"), w.echo("1.1.0"))
	w.install("echo", install.Options{})
	w.yank("acme/echo", "1.1.0", "it loses words")
	_, kept, err := w.installer().Upgrades(context.Background(), nil, install.Options{})
	if err != nil || len(kept) != 1 || kept[0].Reason != "is yanked: it loses words; the newest that can be installed is 1.0.0: enginebay plugin install acme/echo@1.0.0" {
		t.Errorf("%v, %v", kept, err)
	}
}

// TestTheSameFilesFromAFile: who vouched for them still does, and upgrades still come
// from the registry.
func TestTheSameFilesFromAFile(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"))
	before := w.install("echo@^1", install.Options{}).Plugin.Versions[0]
	for name, key := range map[string]*minisign.SecretKey{"signed": &w.acme, "unsigned": nil} {
		r := w.install(w.echo("1.0.0").with(func(p *parcel) { p.key = key }).file(t), install.Options{})
		after := r.Plugin.Versions[0]
		if r.Action != install.Nothing || after.Key != before.Key || after.Source != "main" || r.Plugin.Constraint != "^1" || w.lock().Plugins["acme/echo"].Source != "main" {
			t.Errorf("%s: %+v; before %+v", name, r, before)
		}
	}
}

// TestTheSameFilesSignedLater are those with the signature.
func TestTheSameFilesSignedLater(t *testing.T) {
	w := newWorld(t)
	w.install(w.echo("1.0.0").with(func(p *parcel) { p.key = nil }).file(t), install.Options{})
	w.install(w.echo("1.0.0").file(t), install.Options{Key: w.acme.Public().String()})
	all, err := w.installer().Verify(context.Background(), "echo")
	if err != nil || len(all) != 1 || all[0].Fault != "" || all[0].Signed != w.acme.Public().String() {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestARegistryThatHasExpired says so where its plugins are asked for.
func TestARegistryThatHasExpired(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"))
	w.install("echo", install.Options{})
	w.index.Expires = time.Now().Add(-time.Minute).UTC()
	w.sign()
	sources, err := registry.ReadSources(w.home)
	must(t, err)
	other := newWorld(t)
	other.publish(other.echo("1.0.0").with(func(p *parcel) { p.name = "acme/other" }))
	must(t, registry.WriteSources(w.home, append(sources, registry.Source{Name: "other", URL: other.url, Key: other.key.Public().String()})))
	_, err = w.installer().Plan(context.Background(), "echo", install.Options{})
	refused(t, err, sdk.CodeNotFound, "No plugin acme/echo in other", "Not all registries were looked into: ", "main has expired")
	_, kept, err := w.installer().Upgrades(context.Background(), nil, install.Options{})
	if err != nil || len(kept) != 1 || !strings.HasPrefix(kept[0].Reason, "cannot be upgraded: ") {
		t.Errorf("%v, %v", kept, err)
	}
}

func TestOneShortNameOnly(t *testing.T) {
	w := newWorld(t)
	other := newKey(t)
	w.index.Publishers["zeta"] = registry.Publisher{Keys: []string{other.Public().String()}}
	w.publish(w.echo("1.0.0"), parcel{name: "zeta/echo", version: "1.0.0", kind: sdk.KindEngine, key: &other})
	_, err := w.installer().Plan(context.Background(), "echo", install.Options{})
	refused(t, err, sdk.CodeInvalid, "acme/echo, zeta/echo")
	w.install("acme/echo", install.Options{})
	_, err = w.installer().Plan(context.Background(), "zeta/echo", install.Options{})
	refused(t, err, sdk.CodeInvalid, "acme/echo is installed", "plugin remove acme/echo")
	if p, err := w.installer().Plan(context.Background(), "echo", install.Options{}); err != nil || p.Name != "acme/echo" {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestAProbeThatFails leaves what was.
func TestAProbeThatFails(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"))
	w.install("echo", install.Options{})
	w.publish(w.echo("1.1.0"))
	w.refuses = sdk.Errorf(sdk.CodeInvalid, "its name is another")
	_, err := apply(w.installer(), "echo", install.Options{})
	refused(t, err, sdk.CodeInvalid, "acme/echo 1.1.0 is not installed", "its name is another")
	if w.current("echo") != "1.0.0" || len(w.stored()) != 1 {
		t.Errorf("%s; the store has %v", w.current("echo"), w.stored())
	}
}

// TestANameIsNoFolder: what is a name is not a folder of the working directory too.
func TestANameIsNoFolder(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"))
	t.Chdir(t.TempDir())
	must(t, os.Mkdir("echo", 0o700))
	if p, err := w.installer().Plan(context.Background(), "echo", install.Options{}); err != nil || p.Source != "main" {
		t.Errorf("%+v, %v", p, err)
	}
	_, err := w.installer().Plan(context.Background(), "./echo", install.Options{})
	refused(t, err, sdk.CodeInvalid, "is no plugin")
}
