package packages_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/packages"
)

const manifest = `{"name": "me/thing", "version": "1.2.3", "kinds": ["engine"], "entry": "bin/thing"}`

// tree makes a folder of files; those below bin are programs, a text "-> PATH" is a
// link.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			must(t, os.Symlink(target, file))
			continue
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(name, "bin/") {
			mode = 0o755
		}
		must(t, os.WriteFile(file, []byte(text), mode))
	}
	return dir
}

// thing is a small whole plugin.
func thing() map[string]string {
	return map[string]string{"plugin.json": manifest, "bin/thing": "#!/bin/sh\n", "libs/a/b.so": "library", "licences/MIT.txt": "MIT", "README.md": "# Thing\n"}
}

func seal(t testing.TB, dir string) packages.Package {
	t.Helper()
	p, err := packages.Seal(dir)
	must(t, err)
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func says(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v; wanted %q", err, want)
	}
}

func member(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
