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
