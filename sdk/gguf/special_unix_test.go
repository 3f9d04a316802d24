//go:build unix

package gguf_test

import (
	"path/filepath"
	"syscall"
	"testing"
)

// special are files that a read could hang on.
func special(t *testing.T) []string {
	t.Helper()
	fifo := filepath.Join(t.TempDir(), "fifo.gguf")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{fifo, "/dev/zero"}
}
