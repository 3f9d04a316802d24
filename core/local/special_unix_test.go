//go:build unix

package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/enginebay/enginebay/core/local"
	"github.com/enginebay/enginebay/sdk"
)

// TestSpecialFiles: what is no file does not block, and is no model.
func TestSpecialFiles(t *testing.T) {
	dir, s := t.TempDir(), open(t)
	pipe := filepath.Join(dir, "pipe.gguf")
	must(t, syscall.Mkfifo(pipe, 0o600))
	for _, path := range []string{pipe, "/dev/zero"} {
		if _, err := bring(t, s, path, local.Options{}); err == nil || !strings.Contains(err.Error(), "no regular file") || sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := bring(t, s, dir, local.Options{}); err == nil {
		t.Error("a folder with a pipe was taken")
	}
}

func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir, s := planted(t, tree{"x.gguf": weights}), open(t)
	must(t, os.Chmod(filepath.Join(dir, "x.gguf"), 0))
	if _, err := bring(t, s, filepath.Join(dir, "x.gguf"), local.Options{}); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("got %v", err)
	}
}

// TestMoveAcrossDisks: where a file cannot get a second name it is copied, and goes
// when the copy is there.
func TestMoveAcrossDisks(t *testing.T) {
	other, err := os.MkdirTemp("/dev/shm", "enginebay")
	if err != nil {
		t.Skip("no second file system")
	}
	defer os.RemoveAll(other)
	file := filepath.Join(other, "x.gguf")
	must(t, os.WriteFile(file, []byte(guide(t)), 0o600))
	s := open(t)
	if os.Link(file, filepath.Join(s.Dir(), "..", "probe")) == nil {
		t.Skip("it is the same file system")
	}
	ids, err := bring(t, s, file, local.Options{Mode: local.Move})
	must(t, err)
	if m := model(t, s, ids[0]); m.Linked {
		t.Error("it is a link")
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the original is still there")
	}
}
