package api_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/enginebay/enginebay/core/api"
	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
)

// TestFileOnFullDisk: a file that does not fit is refused as such, leaves nothing behind,
// and does not take the room that deleting it needs: the next file that fits is taken. The
// second time the database has unused pages. The disk is one of 96 MiB in memory, which
// only a child of this program sees.
func TestFileOnFullDisk(t *testing.T) {
	disk := os.Getenv("ENGINEBAY_TEST_DISK")
	if disk == "" {
		inOwnMounts(t, "ENGINEBAY_TEST_DISK="+t.TempDir())
		return
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatalf("keep mounts to itself: %v", err)
	}
	if err := syscall.Mount("small", disk, "tmpfs", 0, "size=96m"); err != nil {
		t.Fatalf("mount: %v", err)
	}
	b := newBay(t, nil, func(c *api.Config) {
		db, err := database.Open(t.Context(), database.Config{File: filepath.Join(disk, "small.db"), Migrations: conversation.Migrations, Log: c.Log})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		if c.Conversations, err = conversation.Open(context.Background(), db, c.Log); err != nil {
			t.Fatal(err)
		}
	})
	for range 2 {
		status, answer := b.upload(t, part{"file", "large", strings.Repeat("0123456789abcdef", 5<<19)}, part{"purpose", "", "assistants"})
		if openAIError(t, answer); status != http.StatusInsufficientStorage {
			t.Fatalf("%d %s", status, answer)
		}
		b.noFiles(t)
		id := b.uploaded(t, "small", strings.Repeat("x", 100<<10))
		if status, got, _ := b.content(t, id); status != 200 || len(got) != 100<<10 {
			t.Errorf("%d, %d bytes", status, len(got))
		}
		b.do("DELETE", "/v1/files/"+id, "")
	}
}

// inOwnMounts runs this test in a child that has mounts of its own.
func inOwnMounts(t *testing.T, env string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v (it needs root, or user namespaces, to mount a file system)\n%s", err, out)
	}
}
