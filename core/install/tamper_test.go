package install_test

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// TestTamperings: each changes what a registry gives out; each is found, the version
// before stays in use, and nothing is left lying.
func TestTamperings(t *testing.T) {
	for name, c := range map[string]struct {
		tamper func(*world)
		code   sdk.Code
		says   []string
	}{
		"a byte of the archive": {func(w *world) {
			file := w.archive("acme/echo", "1.1.0")
			data, err := os.ReadFile(file)
			must(w.t, err)
			data[len(data)/2] ^= 1
			write(w.t, file, string(data))
		}, sdk.CodeInvalid, nil},
		"another archive": {func(w *world) { w.forge(w.echo("1.1.0").with(func(p *parcel) { p.text = "evil" })) }, sdk.CodeInvalid, []string{"was changed", "SHA-256"}},
		"bytes behind it": {func(w *world) {
			f, err := os.OpenFile(w.archive("acme/echo", "1.1.0"), os.O_APPEND|os.O_WRONLY, 0)
			must(w.t, err)
			_, err = f.WriteString("\x50\x2a\x4d\x18\x04\x00\x00\x00evil") // a frame that zstd skips
			must(w.t, err)
			must(w.t, f.Close())
		}, sdk.CodeInvalid, nil},
		"a foreign key": {func(w *world) {
			key := newKey(w.t)
			w.publish(w.echo("1.2.0").with(func(p *parcel) { p.key = &key }))
		}, sdk.CodeInvalid, []string{"which registry main does not know for acme"}},
		"no signature": {func(w *world) { w.publish(w.echo("1.2.0").with(func(p *parcel) { p.key = nil })) }, sdk.CodeInvalid, []string{"is not signed"}},
		"a new key of the publisher, by the registry alone": {func(w *world) {
			key := newKey(w.t)
			w.index.Publishers["acme"] = registry.Publisher{Keys: []string{key.Public().String()}}
			w.publish(w.echo("1.2.0").with(func(p *parcel) { p.key = &key }))
		}, sdk.CodeInvalid, []string{"another key of acme", "--key RW"}},
		"another version in the archive": {func(w *world) { w.pass(w.echo("1.0.0"), "1.2.0") }, sdk.CodeInvalid, []string{"holds acme/echo 1.0.0, where acme/echo 1.2.0 should be"}},
		"another plugin in the archive": {func(w *world) {
			w.pass(w.echo("1.2.0").with(func(p *parcel) { p.name = "acme/evil" }), "1.2.0")
		}, sdk.CodeInvalid, []string{"holds acme/evil"}},
		"another platform in the archive": {func(w *world) {
			w.pass(w.echo("1.2.0").with(func(p *parcel) { p.os = "plan9" }), "1.2.0")
		}, sdk.CodeInvalid, []string{"holds the package for plan9"}},
		"another digest in the index": {func(w *world) {
			w.publish(w.echo("1.2.0"))
			w.index.Plugins["acme/echo"].Versions["1.2.0"].Variants[0].Digest = first
			w.sign()
		}, sdk.CodeInvalid, []string{"was changed", "digest"}},
		"for another platform only": {func(w *world) {
			delete(w.index.Plugins["acme/echo"].Versions, "1.0.0")
			delete(w.index.Plugins["acme/echo"].Versions, "1.1.0")
			w.publish(w.echo("1.2.0").with(func(p *parcel) { p.os = "plan9" }))
		}, sdk.CodeUnsupported, []string{"is for plan9"}},
		"an older index": {func(w *world) {
			index, err := os.ReadFile(filepath.Join(w.dir, registry.IndexFile))
			must(w.t, err)
			signature, err := os.ReadFile(filepath.Join(w.dir, registry.SignatureFile))
			must(w.t, err)
			w.publish(w.echo("1.2.0"))
			_, _, err = w.installer().Search(context.Background()) // the newer one is known by this
			must(w.t, err)
			write(w.t, filepath.Join(w.dir, registry.IndexFile), string(index))
			write(w.t, filepath.Join(w.dir, registry.SignatureFile), string(signature))
			must(w.t, os.Remove(w.archive("acme/echo", "1.2.0"))) // the kept index counts
		}, sdk.CodeNotFound, nil},
		"an expired index": {func(w *world) {
			w.index.Expires = time.Now().Add(-time.Minute).UTC()
			w.sign()
		}, sdk.CodeUnavailable, []string{"has expired"}},
		"an index with a foreign key": {func(w *world) {
			known := w.key.Public().String()
			w.key = newKey(w.t)
			w.sign()
			must(w.t, registry.WriteSources(w.home, []registry.Source{{Name: "main", URL: w.dir, Key: known}}))
		}, sdk.CodeInvalid, []string{"is not signed by the key"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.publish(w.echo("1.0.0"))
			w.install("echo", install.Options{})
			w.publish(w.echo("1.1.0"))
			c.tamper(w)
			_, err := apply(w.installer(), "echo", install.Options{})
			refused(t, err, c.code, c.says...)
			if w.current("echo") != "1.0.0" || w.lock().Plugins["acme/echo"].Version != "1.0.0" || len(w.stored()) != 1 {
				t.Errorf("in use is %s; the store has %v", w.current("echo"), w.stored())
			}
			if len(w.probed) != 1 {
				t.Errorf("tried were %v: what is not right must not be started", w.probed)
			}
		})
	}
}

// archive is the file of a version's first variant in the registry.
func (w *world) archive(name, version string) string {
	return filepath.Join(w.dir, filepath.FromSlash(w.index.Plugins[name].Versions[version].Variants[0].URL))
}

// pass has the registry pass a parcel off as this machine's package of a version of echo.
func (w *world) pass(p parcel, version string) {
	w.t.Helper()
	w.publish(w.echo(version))
	data, pkg := p.archive(w.t)
	write(w.t, w.archive("acme/echo", version), string(data))
	v := &w.index.Plugins["acme/echo"].Versions[version].Variants[0]
	v.SHA256, v.Digest, v.Size = sumOf(data), pkg.Digest, int64(len(data))
	w.sign()
}

// TestANewKeyThatThePersonTrusts counts from then on, beside the old one.
func TestANewKeyThatThePersonTrusts(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"))
	w.install("echo", install.Options{})
	key := newKey(t)
	w.index.Publishers["acme"] = registry.Publisher{Keys: []string{key.Public().String()}}
	w.publish(w.echo("1.1.0").with(func(p *parcel) { p.key = &key }))
	w.install("echo", install.Options{Key: key.Public().String()})
	w.publish(w.echo("1.2.0").with(func(p *parcel) { p.key = &key }))
	w.install("echo", install.Options{})
	if w.current("echo") != "1.2.0" || len(w.lock().Publishers["acme"]) != 2 {
		t.Errorf("%s; pinned are %v", w.current("echo"), w.lock().Publishers)
	}
	_, err := apply(w.installer(), "echo", install.Options{Key: "RWnonsense"})
	refused(t, err, sdk.CodeInvalid, "The key cannot be read")
	_, err = apply(w.installer(), w.echo("1.0.0").file(t), install.Options{Variant: "cuda12"})
	refused(t, err, sdk.CodeInvalid, "nothing to choose")
}

// TestArchiveReplacedUnderTheSameVersion: the lock file remembers the bytes.
func TestArchiveReplacedUnderTheSameVersion(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"))
	w.install("echo", install.Options{})
	delete(w.index.Plugins, "acme/echo")
	w.publish(w.echo("1.0.0").with(func(p *parcel) { p.text = "built anew" })) // signed, indexed, and another
	_, err := apply(w.installer(), "echo", install.Options{})
	refused(t, err, sdk.CodeInvalid, "plugins.lock.json", "somebody replaced it")
	must(t, w.installer().Remove(context.Background(), "echo"))
	w.install("echo", install.Options{}) // forgotten, and then taken
}

// TestAChangedByteInTheInstalledTree is found by verify, is not gone back to, and an
// install makes it whole.
func TestAChangedByteInTheInstalledTree(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"), w.echo("1.1.0"))
	r := w.install("echo@1.0.0", install.Options{})
	w.install("echo", install.Options{})
	i, ctx := w.installer(), context.Background()
	file := filepath.Join(r.Plugin.Versions[0].Dir, "bin", "program")
	must(t, os.Chmod(file, 0o755))
	write(t, file, "#!/bin/sh\nevil\n")
	all, err := i.Verify(ctx, "echo")
	if err != nil || len(all) != 2 || all[0].Fault != "" || !all[0].Locked || all[1].Fault == "" {
		t.Errorf("%+v, %v", all, err)
	}
	_, err = i.Rollback(ctx, "echo")
	refused(t, err, sdk.CodeInvalid, "echo 1.0.0", "bin/program was changed", "enginebay plugin install acme/echo@1.0.0")
	if w.current("echo") != "1.1.0" {
		t.Error("it was gone back to")
	}
	w.install("echo@1.0.0", install.Options{})
	if all, err = i.Verify(ctx, ""); err != nil || w.current("echo") != "1.0.0" || all[0].Fault+all[1].Fault != "" {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestArchivesThatLeadOut: nothing outside of the staging is written.
func TestArchivesThatLeadOut(t *testing.T) {
	for name, header := range map[string]tar.Header{
		"up":         {Name: "../../../evil", Typeflag: tar.TypeReg},
		"absolute":   {Name: "/tmp/enginebay-evil", Typeflag: tar.TypeReg},
		"link":       {Name: "bin", Typeflag: tar.TypeSymlink, Linkname: "/tmp"},
		"hard link":  {Name: "bin/x", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"},
		"fifo":       {Name: "bin/x", Typeflag: tar.TypeFifo},
		"backslash":  {Name: `..\evil`, Typeflag: tar.TypeReg},
		"two in one": {Name: "BIN/program", Typeflag: tar.TypeReg},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			data, _ := w.echo("1.0.0").archive(t)
			file := filepath.Join(t.TempDir(), "evil.tar.zst")
			write(t, file, string(withMember(t, data, header)))
			_, err := apply(w.installer(), file, install.Options{Key: w.acme.Public().String()})
			refused(t, err, sdk.CodeInvalid, "no package that can be installed")
			if len(w.stored()) != 0 || len(w.probed) != 0 {
				t.Errorf("the store has %v; tried %v", w.stored(), w.probed)
			}
			for _, evil := range []string{filepath.Join(w.home, "evil"), "/tmp/enginebay-evil", "/tmp/program"} {
				if _, err := os.Lstat(evil); err == nil {
					t.Errorf("%s was written", evil)
				}
			}
		})
	}
}

// withMember is an archive with one more member in front.
func withMember(t *testing.T, archive []byte, header tar.Header) []byte {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(archive))
	must(t, err)
	defer z.Close()
	var plain, out bytes.Buffer
	tw := tar.NewWriter(&plain)
	header.Mode = 0o644
	must(t, tw.WriteHeader(&header))
	must(t, tw.Flush())
	_, err = plain.ReadFrom(z)
	must(t, err)
	zw, err := zstd.NewWriter(&out)
	must(t, err)
	_, err = zw.Write(plain.Bytes())
	must(t, err)
	must(t, zw.Close())
	return out.Bytes()
}

// TestFilesAndFolders: whose key counts, and what becomes of what nobody signed.
func TestFilesAndFolders(t *testing.T) {
	signed := func(w *world) string { return w.echo("1.0.0").file(w.t) }
	unsigned := func(w *world) string { return w.echo("1.0.0").with(func(p *parcel) { p.key = nil }).file(w.t) }
	for name, c := range map[string]struct {
		file    func(*world) string
		options func(*world) install.Options
		policy  install.Policy
		says    string // of the error; empty: it is installed
		pinned  int
	}{
		"unsigned":                {unsigned, nil, "", "", 0},
		"unsigned, and refused":   {unsigned, nil, install.RefuseUnsigned, "unsigned_plugins: refuse", 0},
		"unsigned, over the API":  {unsigned, func(*world) install.Options { return install.Options{Remote: true} }, "", "Over the API", 0},
		"an unknown key":          {signed, nil, install.RefuseUnsigned, "--key RW", 0},
		"the key that was given":  {signed, func(w *world) install.Options { return install.Options{Key: w.acme.Public().String()} }, install.RefuseUnsigned, "", 1},
		"another key was given":   {signed, func(w *world) install.Options { return install.Options{Key: newKey(w.t).Public().String()} }, "", "--key RW", 0},
		"a loose folder":          {func(w *world) string { return looseFolder(w) }, nil, "", "", 0},
		"a loose folder, refused": {func(w *world) string { return looseFolder(w) }, nil, install.RefuseUnsigned, "unsigned_plugins: refuse", 0},
		"a signed folder": {func(w *world) string { dir, _ := w.echo("1.0.0").tree(w.t); return dir },
			func(w *world) install.Options { return install.Options{Key: w.acme.Public().String()} }, install.RefuseUnsigned, "", 1},
		"for another platform": {func(w *world) string { return w.echo("1.0.0").with(func(p *parcel) { p.arch = "mips" }).file(w.t) },
			func(w *world) install.Options { return install.Options{Key: w.acme.Public().String()} }, "", "mips", 0},
		"no archive": {func(w *world) string {
			file := filepath.Join(w.t.TempDir(), "x.tar.zst")
			write(w.t, file, "hello")
			return file
		}, nil, "", "no package that can be installed", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var o install.Options
			if c.options != nil {
				o = c.options(w)
			}
			r, err := apply(w.installer(func(config *install.Config) { config.Unsigned = c.policy }), c.file(w), o)
			if c.says != "" {
				if err == nil {
					t.Fatal("it was installed")
				}
				refused(t, err, sdk.CodeOf(err), c.says)
				if len(w.stored()) != 0 {
					t.Errorf("the store has %v", w.stored())
				}
				return
			}
			must(t, err)
			if w.current("echo") != "1.0.0" || len(w.lock().Publishers["acme"]) != c.pinned || (len(r.Warnings) > 0) != (c.pinned == 0) {
				t.Errorf("%+v; pinned are %v", r, w.lock().Publishers)
			}
		})
	}
}

// TestUnsignedOfAKnownPublisher: it may come in signed plugins' place, and that is said.
func TestUnsignedOfAKnownPublisher(t *testing.T) {
	w := newWorld(t)
	w.install(w.echo("1.0.0").file(t), install.Options{Key: w.acme.Public().String()})
	r := w.install(w.echo("1.1.0").with(func(p *parcel) { p.key = nil }).file(t), install.Options{})
	if len(r.Warnings) < 2 || !strings.Contains(strings.Join(r.Warnings, "\n"), "known here by its key") {
		t.Errorf("the warnings are %q", r.Warnings)
	}
}

func looseFolder(w *world) string {
	dir, _ := w.echo("1.0.0").with(func(p *parcel) { p.key = nil }).tree(w.t)
	must(w.t, os.Remove(filepath.Join(dir, packages.SumsFile)))
	return dir
}

// TestSayingYesToAKey: a person is shown the key that nobody vouches for.
func TestSayingYesToAKey(t *testing.T) {
	w := newWorld(t)
	i, ctx := w.installer(), context.Background()
	p, err := i.Plan(ctx, w.echo("1.0.0").file(t), install.Options{})
	must(t, err)
	must(t, i.Fetch(ctx, p, nil))
	if !p.Signer.New || p.Signer.Key != w.acme.Public().String() || p.Signer.KeyID != w.acme.Public().ID() || p.Name != "acme/echo" || p.Action != install.Install {
		t.Fatalf("%+v", p)
	}
	p.Trust(p.Signer.Key)
	_, err = i.Apply(ctx, p, nil)
	must(t, err)
	w.install(w.echo("1.1.0").file(t), install.Options{}) // it is known by now
	evil := newKey(t)
	_, err = apply(i, w.echo("1.2.0").with(func(p *parcel) { p.key = &evil }).file(t), install.Options{})
	refused(t, err, sdk.CodeInvalid, "another key of acme")
	_, err = minisign.ParsePublicKey(w.lock().Publishers["acme"][0])
	must(t, err)
}

// TestADraftMayBeBuiltAnew: an unsigned folder of one version, again and again. What
// was before the last one is forgotten.
func TestADraftMayBeBuiltAnew(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{"one", "two", "three"} {
		dir, _ := w.echo("1.0.0").with(func(p *parcel) { p.key, p.text = nil, text }).tree(t)
		w.install(dir, install.Options{})
	}
	all, err := w.installer().Installed()
	if err != nil || len(all[0].Versions) != 2 || all[0].Previous != "1.0.0" {
		t.Fatalf("%+v, %v", all, err)
	}
	p, err := w.installer().Use(context.Background(), "echo", all[0].Versions[1].Digest[:17])
	if err != nil || !p.Versions[1].Current {
		t.Errorf("by digest: %+v, %v", p, err)
	}
}
