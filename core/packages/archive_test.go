package packages_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/enginebay/enginebay/core/packages"
)

func pack(t testing.TB, dir string) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, packages.Pack(dir, &b))
	return b.Bytes()
}

func TestPackAndUnpack(t *testing.T) {
	t.Parallel()
	files := thing()
	files["libs/copy.so"] = "-> a/b.so"
	files["libs/"+strings.Repeat("deep/", 20)+strings.Repeat("long", 30)] = "x"
	loose := tree(t, files)
	archive := pack(t, loose)
	dir := filepath.Join(t.TempDir(), "new")
	p, err := packages.Unpack(bytes.NewReader(archive), dir)
	must(t, err)
	want, err := packages.Gather(loose)
	must(t, err)
	if p.Digest != want.Digest || p.Size != want.Size || p.Name != "me/thing" || p.Signature != nil {
		t.Errorf("%s (%d bytes) came out as %s (%d bytes)", want.Digest, want.Size, p.Digest, p.Size)
	}
	for name, mode := range map[string]os.FileMode{"bin/thing": 0o755, "libs/copy.so": 0o644, "SHA256SUMS": 0o644} {
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	key := newKey(t)
	_, err = packages.Sign(dir, key)
	must(t, err)
	again, err := packages.Unpack(bytes.NewReader(pack(t, dir)), t.TempDir())
	must(t, err)
	must(t, again.SignedBy(key.Public()))
	if again.Digest != want.Digest {
		t.Error("the digest of a signed package is another")
	}
}

// The same files are the same bytes, whoever packs them and when.
func TestPackIsReproducible(t *testing.T) {
	t.Parallel()
	one, two := tree(t, thing()), tree(t, thing())
	long := time.Unix(1e9, 0)
	must(t, os.Chtimes(filepath.Join(two, "bin/thing"), long, long))
	must(t, os.Chmod(filepath.Join(two, "README.md"), 0o600))
	must(t, os.Chmod(filepath.Join(two, "bin/thing"), 0o700))
	if !bytes.Equal(pack(t, one), pack(t, two)) {
		t.Error("two packers make two archives")
	}
}

func TestAnAlteredPackageIsNotPacked(t *testing.T) {
	t.Parallel()
	dir := tree(t, thing())
	seal(t, dir)
	must(t, os.WriteFile(filepath.Join(dir, "bin/thing"), []byte("#!/bin/zh\n"), 0o755))
	says(t, packages.Pack(dir, io.Discard), "bin/thing was changed")
}

func TestUnpackIntoAFolderWithFiles(t *testing.T) {
	t.Parallel()
	_, err := packages.Unpack(bytes.NewReader(pack(t, tree(t, thing()))), tree(t, map[string]string{"x": "y"}))
	says(t, err, "not empty")
}

// What tar and zstd make by hand is a package too.
func TestUnpackWhatTarMakes(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"tar", "zstd"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not on this machine")
		}
	}
	dir, file := tree(t, thing()), filepath.Join(t.TempDir(), "x.tar.zst")
	want := seal(t, dir)
	if out, err := exec.Command("tar", "-C", dir, "--zstd", "-cf", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	archive, err := os.ReadFile(file)
	must(t, err)
	p, err := packages.Unpack(bytes.NewReader(archive), t.TempDir())
	if err != nil || p.Digest != want.Digest {
		t.Errorf("%s, %v", p.Digest, err)
	}
	must(t, os.WriteFile(file, pack(t, dir), 0o600))
	out := t.TempDir()
	if out, err := exec.Command("tar", "-C", out, "-xf", file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if p, err = packages.Open(out); err != nil || p.Digest != want.Digest {
		t.Errorf("%s, %v", p.Digest, err)
	}
}

// entry is one of an archive that nobody should make.
type entry struct {
	tar.Header
	text string
}

func file(name, text string) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755}, text}
}

func special(name string, kind byte, target string) entry {
	return entry{tar.Header{Name: name, Typeflag: kind, Linkname: target, Mode: 0o777}, ""}
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		e.Size = int64(len(e.text))
		must(t, w.WriteHeader(&e.Header))
		_, err := io.WriteString(w, e.text)
		must(t, err)
	}
	must(t, w.Close())
	return compress(b.Bytes())
}

var encoder = sync.OnceValue(func() *zstd.Encoder {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return z
})

func compress(data []byte) []byte { return encoder().EncodeAll(data, nil) }

// sums is the SHA256SUMS of files.
func sums(files ...entry) entry {
	var text string
	for _, f := range files {
		text += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(f.text)), f.Name)
	}
	return file("SHA256SUMS", text)
}

func TestHostileArchives(t *testing.T) {
	t.Parallel()
	plugin, program := file("plugin.json", manifest), file("bin/thing", "x")
	whole := []entry{plugin, program, sums(program, plugin)}
	with := func(more ...entry) []byte { return archive(t, append(whole[:3:3], more...)...) }
	good := archive(t, whole...)
	if _, err := packages.Unpack(bytes.NewReader(good), t.TempDir()); err != nil {
		t.Fatalf("the harmless one: %v", err)
	}
	var zeros bytes.Buffer
	for range 40 {
		zeros.Write(make([]byte, 1<<20))
	}
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"up":               {with(file("../evil", "x")), "leads elsewhere"},
		"up in the middle": {with(file("bin/../../evil", "x")), "leads elsewhere"},
		"absolute":         {with(file("/tmp/evil", "x")), "is absolute"},
		"backslash":        {with(file(`..\evil`, "x")), "has one of"},
		"device name":      {with(file("libs/NUL.so", "x")), "device on Windows"},
		"drive":            {with(file("c:evil", "x")), "has one of"},
		"control":          {with(file("a\x1b[2J", "x")), "invisible"},
		"folder up":        {with(special("../x/", tar.TypeDir, "")), "leads elsewhere"},
		"link":             {with(special("libs/x", tar.TypeSymlink, "/etc/passwd")), "is a link"},
		"hard link":        {with(special("libs/x", tar.TypeLink, "plugin.json")), "is a link"},
		"fifo":             {with(special("libs/x", tar.TypeFifo, "")), "a device"},
		"device":           {with(special("libs/x", tar.TypeChar, "")), "a device"},
		"through a link":   {with(special("libs/x", tar.TypeSymlink, "/tmp"), file("libs/x/evil", "x")), "is a link"},
		"twice":            {with(plugin), "exists"},
		"file and folder":  {with(file("bin/thing/x", "x")), "not a directory"},
		"additional":       {with(file("libs/more", "x")), "libs/more was added"},
		"missing":          {archive(t, plugin, sums(program, plugin)), "bin/thing is missing"},
		"changed":          {archive(t, plugin, file("bin/thing", "y"), sums(program, plugin)), "bin/thing was changed"},
		"no sums":          {archive(t, plugin, program), "has no SHA256SUMS"},
		"case twins":       {archive(t, plugin, program, file("libs/a", ""), file("libs/A", ""), sums(program, file("libs/A", ""), file("libs/a", ""), plugin)), "two files"},
		"not executable":   {archive(t, plugin, entry{tar.Header{Name: "bin/thing", Typeflag: tar.TypeReg, Mode: 0o644}, "x"}, sums(program, plugin)), "no program"},
		"deep":             {with(file(strings.Repeat("a/", 40)+"b", "x")), "too deep"},
		"bomb":             {with(file("libs/bomb", zeros.String()+zeros.String())), "more comes out"},
		"cut":              {good[:len(good)/2], "it is damaged, or no .tar.zst"},
		"nothing":          {nil, "has no SHA256SUMS"},
		"not zstd":         {[]byte("PK\x03\x04 a zip"), "magic number"},
		"something after":  {append(bytes.Clone(good), compress([]byte("more"))...), "follows its end"},
		"garbage after":    {append(bytes.Clone(good), "more"...), "magic number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			above := t.TempDir()
			_, err := packages.Unpack(bytes.NewReader(c.data), filepath.Join(above, "in"))
			says(t, err, c.says)
			if entries, err := os.ReadDir(above); err != nil || len(entries) > 1 {
				t.Errorf("written outside: %v, %v", entries, err)
			}
		})
	}
}

// Modes that give rights away do not come through.
func TestModesOfAnArchive(t *testing.T) {
	t.Parallel()
	plugin, program := file("plugin.json", manifest), file("bin/thing", "x")
	program.Mode, plugin.Mode = 0o6777, 0o666
	dir := t.TempDir()
	_, err := packages.Unpack(bytes.NewReader(archive(t, program, plugin, sums(program, plugin))), dir)
	must(t, err)
	for name, mode := range map[string]os.FileMode{"bin/thing": 0o755, "plugin.json": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// FuzzUnpack: whatever an archive is, nothing is written elsewhere, and what is taken
// for a package is one.
func FuzzUnpack(f *testing.F) {
	plugin, program := file("plugin.json", manifest), file("bin/thing", "x")
	for _, entries := range [][]entry{
		{program, plugin, sums(program, plugin)},
		{file("../a", "x"), special("l", tar.TypeSymlink, ".."), file("l/x", "y")},
		{special("d/", tar.TypeDir, ""), file("d", "x"), file("SHA256SUMS", "x")},
	} {
		f.Add(archive(f, entries...), true)
		raw, err := zstd.NewReader(bytes.NewReader(archive(f, entries...)))
		must(f, err)
		data, err := io.ReadAll(raw)
		must(f, err)
		f.Add(data, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, compressed bool) {
		if !compressed { // so that the fuzzer reaches the tar
			data = compress(data)
		}
		above := t.TempDir()
		dir := filepath.Join(above, "in")
		p, err := packages.Unpack(bytes.NewReader(data), dir)
		if entries, _ := os.ReadDir(above); len(entries) > 1 {
			t.Fatalf("written outside: %v", entries)
		}
		if err != nil {
			return
		}
		again, err := packages.Unpack(bytes.NewReader(pack(t, dir)), filepath.Join(above, "again"))
		if err != nil || again.Digest != p.Digest {
			t.Fatalf("what came out is packed otherwise: %v", err)
		}
	})
}

// TestManyFolders: a megabyte of names must not become millions of folders.
func TestManyFolders(t *testing.T) {
	t.Cleanup(packages.SetMaxEntries(100))
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	must(t, err)
	w := tar.NewWriter(z)
	for i := range 4 {
		must(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("%d/%sf", i, strings.Repeat("a/", 28)), Mode: 0o644}))
	}
	must(t, w.Close())
	must(t, z.Close())
	_, err = packages.Unpack(&b, t.TempDir())
	says(t, err, "more than 100 entries")
}
