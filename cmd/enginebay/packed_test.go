package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/packages"
)

// TestPackedLlamacppRuns: the package of the llamacpp plugin carries a llama-server
// that answers from wherever it was unpacked, though nothing in it can be written.
func TestPackedLlamacppRuns(t *testing.T) {
	if info, err := os.Lstat(filepath.Join(build, "plugins/engine-llamacpp/libs/llamacpp/bin/llama-server")); err != nil || !info.Mode().IsRegular() {
		t.Skip("the llama-server here is the machine's own, and not packed")
	}
	loose, home := filepath.Join(t.TempDir(), "loose"), newHome(t)
	script := exec.Command("sh", "plugins/package.sh", "engine-llamacpp", loose)
	script.Dir = root
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	archive := filepath.Join(t.TempDir(), "llamacpp.tar.zst")
	if out, err := exec.Command(filepath.Join(build, "enginebay"), "plugin", "pack", loose, "--no-build", "-o", archive).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir := filepath.Join(home, "plugins", "packed")
	unpackReadOnly(t, archive, dir)
	b := startServer(t, home)
	if _, list := b.do("GET", "/v1/plugins/llamacpp", ""); !strings.Contains(list, dir) {
		t.Fatalf("the packed plugin is not used: %s", list)
	}
	status, body := b.do("POST", "/v1/chat/completions", question(`"stream":false`))
	if status != 200 || !strings.Contains(body, aboutEngineBay) {
		t.Errorf("%d %s", status, body)
	}
	if _, err := packages.Open(dir); err != nil {
		t.Errorf("running it changes it: %v", err)
	}
}

func unpackReadOnly(t *testing.T, archive, dir string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := packages.Unpack(f, dir); err != nil {
		t.Fatal(err)
	}
	setMode := func(file, folder fs.FileMode) {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if d.IsDir() {
				return os.Chmod(path, folder)
			}
			return os.Chmod(path, info.Mode().Perm()&^file)
		})
		if err != nil {
			t.Error(err)
		}
	}
	setMode(0o222, 0o555)
	t.Cleanup(func() { setMode(0, 0o755) })
}
