package install_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// A world is a registry with publishers, and a home folder.
type world struct {
	t       testing.TB
	home    string
	dir     string // of the registry
	url     string // where the home finds it; dir, unless a test says otherwise
	key     minisign.SecretKey
	acme    minisign.SecretKey
	index   registry.Index
	probed  []string // versions that were tried, in order
	refuses error    // what the probe says
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, home: t.TempDir(), dir: t.TempDir(), key: newKey(t), acme: newKey(t)}
	w.url = w.dir
	w.index = registry.Index{Name: "main", Serial: 1, Created: time.Now().UTC(), Expires: time.Now().Add(time.Hour).UTC(),
		Publishers: map[string]registry.Publisher{"acme": {Name: "Acme", Keys: []string{w.acme.Public().String()}}}, Plugins: map[string]registry.Plugin{}}
	return w
}

func newKey(t testing.TB) minisign.SecretKey {
	t.Helper()
	key, err := minisign.GenerateKey()
	must(t, err)
	return key
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused fails where an error has another code, or does not say what it has to.
func refused(t testing.TB, err error, code sdk.Code, says ...string) {
	t.Helper()
	if err == nil || sdk.CodeOf(err) != code {
		t.Fatalf("the error is %v; wanted %s", err, code)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q does not say %q", err, text)
		}
	}
}

// A parcel is a package to be made.
type parcel struct {
	name, version, variant string
	os, arch               string // this machine's where empty
	kind                   sdk.Kind
	core                   string
	key                    *minisign.SecretKey // nil: nobody signs it
	text                   string              // of a file in it
	schemes                []string            // of an importer
}

func (p parcel) with(change func(*parcel)) parcel { change(&p); return p }

// echo is a version of the plugin that most tests install.
func (w *world) echo(version string) parcel {
	return parcel{name: "acme/echo", version: version, kind: sdk.KindEngine, key: &w.acme}
}

// tree makes a parcel's folder.
func (p parcel) tree(t testing.TB) (string, packages.Package) {
	t.Helper()
	dir := t.TempDir()
	manifest, err := json.Marshal(map[string]any{"name": p.name, "version": p.version, "kinds": []sdk.Kind{p.kind}, "schemes": append([]string{}, p.schemes...), "entry": "bin/program",
		"variant": or(p.variant, "default"), "core": or(p.core, ">=0"), "platform": map[string]any{"os": or(p.os, runtime.GOOS), "arch": or(p.arch, runtime.GOARCH)}})
	must(t, err)
	write(t, filepath.Join(dir, "plugin.json"), string(manifest))
	write(t, filepath.Join(dir, "README.md"), "# "+p.name+" "+p.text+"\n")
	for _, name := range []string{"program", "program.exe"} {
		write(t, filepath.Join(dir, "bin", name), "#!/bin/sh\n")
		must(t, os.Chmod(filepath.Join(dir, "bin", name), 0o755))
	}
	pkg, err := packages.Seal(dir)
	must(t, err)
	if p.key != nil {
		pkg, err = packages.Sign(dir, *p.key)
		must(t, err)
	}
	return dir, pkg
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// archive packs a parcel.
func (p parcel) archive(t testing.TB) ([]byte, packages.Package) {
	t.Helper()
	dir, pkg := p.tree(t)
	var b bytes.Buffer
	must(t, packages.Pack(dir, &b))
	return b.Bytes(), pkg
}

// file packs a parcel into a file.
func (p parcel) file(t testing.TB) string {
	t.Helper()
	data, _ := p.archive(t)
	file := filepath.Join(t.TempDir(), path.Base(p.name)+"-"+p.version+".tar.zst")
	write(t, file, string(data))
	return file
}

// publish puts parcels, variants of one version each, into the registry.
func (w *world) publish(parcels ...parcel) {
	w.t.Helper()
	for _, p := range parcels {
		data, pkg := p.archive(w.t)
		v := registry.Variant{OS: pkg.Platform.OS, Arch: pkg.Platform.Arch, Variant: pkg.Variant, Requires: pkg.Requires, Size: int64(len(data)),
			URL:    fmt.Sprintf("packages/%s-%s-%s-%s-%s.tar.zst", strings.ReplaceAll(p.name, "/", "-"), p.version, pkg.Platform.OS, pkg.Platform.Arch, pkg.Variant),
			SHA256: sumOf(data), Digest: pkg.Digest}
		write(w.t, filepath.Join(w.dir, filepath.FromSlash(v.URL)), string(data))
		plugin, ok := w.index.Plugins[p.name]
		if !ok {
			plugin = registry.Plugin{Kinds: pkg.Kinds, Description: "Says what it hears", Versions: map[string]registry.Version{}}
		}
		version := plugin.Versions[p.version]
		version.Published, version.Core = time.Now().UTC(), pkg.Core
		version.Variants = append(version.Variants, v)
		plugin.Versions[p.version] = version
		w.index.Plugins[p.name] = plugin
	}
	w.sign()
}

// sign writes the index anew.
func (w *world) sign() {
	w.t.Helper()
	w.index.Serial++
	data, err := json.Marshal(w.index)
	must(w.t, err)
	signature, err := w.key.Sign(data, "")
	must(w.t, err)
	write(w.t, filepath.Join(w.dir, registry.IndexFile), string(data))
	write(w.t, filepath.Join(w.dir, registry.SignatureFile), string(signature))
	must(w.t, registry.WriteSources(w.home, []registry.Source{{Name: "main", URL: w.url, Key: w.key.Public().String()}}))
}

// yank takes a version back.
func (w *world) yank(name, version, why string) {
	v := w.index.Plugins[name].Versions[version]
	v.Yanked = why
	w.index.Plugins[name].Versions[version] = v
	w.sign()
}

// forge replaces an archive in the registry, whose index stays.
func (w *world) forge(p parcel) {
	w.t.Helper()
	data, _ := p.archive(w.t)
	v := w.index.Plugins[p.name].Versions[p.version].Variants[0]
	write(w.t, filepath.Join(w.dir, filepath.FromSlash(v.URL)), string(data))
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// machine is this one, with nothing to it.
func machine() registry.Machine { return registry.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH} }

// installer is one of the world's home.
func (w *world) installer(more ...func(*install.Config)) *install.Installer {
	w.t.Helper()
	c := install.Config{Home: w.home, Core: "0.3.0", Machine: machine,
		Downloads: func() download.Config { return download.Config{} },
		Probe: func(_ context.Context, dir string, m packages.Manifest) error {
			if _, err := packages.Open(dir); err != nil {
				return err
			}
			w.probed = append(w.probed, m.Version)
			return w.refuses
		}}
	for _, change := range more {
		change(&c)
	}
	i, err := install.Open(c)
	must(w.t, err)
	return i
}

// apply plans and installs.
func apply(i *install.Installer, text string, o install.Options) (install.Result, error) {
	p, err := i.Plan(context.Background(), text, o)
	if err != nil {
		return install.Result{}, err
	}
	return i.Apply(context.Background(), p, nil)
}

// install installs what has to go well.
func (w *world) install(text string, o install.Options) install.Result {
	w.t.Helper()
	r, err := apply(w.installer(), text, o)
	must(w.t, err)
	return r
}

// current is the version in use, after a look whether its tree is whole.
func (w *world) current(name string) string {
	w.t.Helper()
	all, err := install.Current(w.home)
	must(w.t, err)
	for _, f := range all {
		if f.Name == name || f.FullName == name {
			pkg, err := packages.Open(f.Dir)
			must(w.t, err)
			if pkg.Digest != f.Digest || pkg.Version != f.Version {
				w.t.Errorf("in %s lies %s %s, not %s %s", f.Dir, pkg.Version, pkg.Digest, f.Version, f.Digest)
			}
			return f.Version
		}
	}
	return ""
}

// lock is the home's lock file.
func (w *world) lock() install.Lock {
	w.t.Helper()
	l, err := install.ReadLock(w.home)
	must(w.t, err)
	return l
}

// stored are the names in the store.
func (w *world) stored() (names []string) {
	w.t.Helper()
	entries, err := os.ReadDir(filepath.Join(w.home, "plugins", "store"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
