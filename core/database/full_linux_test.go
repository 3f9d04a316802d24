package database_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/sdk"
)

func init() { children["full disk"] = fullDisk }

// TestFullDisk: what does not fit is refused as such, what is there is read, and once
// there is room all goes on. The disk is one of 4 MiB in memory, which only a child of
// this program sees.
func TestFullDisk(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=full disk", "DISK="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v %s (it needs root, or user namespaces, to mount a file system)", err, out)
	}
	t.Logf("%s", out)
}

func fullDisk() error {
	disk := os.Getenv("DISK")
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to itself: %w", err)
	}
	if err := syscall.Mount("small", disk, "tmpfs", 0, "size=4m"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	ctx := context.Background()
	c := database.Config{File: filepath.Join(disk, "data", "x.db"), Migrations: shelf}
	db, err := database.Open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		return err
	}
	put := func(id string, size int) error {
		return write(ctx, db, `INSERT INTO shelves VALUES ($1, $2)`, id+strings.Repeat(".", size), 1)
	}
	for round := range 3 {
		kept := 0
		for ; err == nil; kept++ {
			err = put(fmt.Sprintf("%d-%d", round, kept), 10000)
		}
		for range 10 {
			if err = put("more", 10000); sdk.CodeOf(err) != sdk.CodeExhausted {
				return fmt.Errorf("round %d, after %d: %w", round, kept, err)
			}
		}
		if s := db.Status(ctx); s.Err != nil {
			return fmt.Errorf("round %d: it cannot be read: %w", round, s.Err)
		}
		if err := db.Backup(ctx, filepath.Join(disk, "backup")); sdk.CodeOf(err) != sdk.CodeExhausted {
			return fmt.Errorf("round %d: a backup onto the full disk: %w", round, err)
		}
		if names, err := filepath.Glob(filepath.Join(disk, ".*")); err != nil || len(names) > 0 {
			return fmt.Errorf("left on the full disk: %v %w", names, err)
		}
		if round == 1 { // a server that starts then
			_ = db.Close()
			if db, err = database.Open(ctx, c); err != nil {
				return fmt.Errorf("opened on the full disk: %w", err)
			}
			if s := db.Status(ctx); s.Err != nil && sdk.CodeOf(s.Err) != sdk.CodeExhausted {
				return fmt.Errorf("opened on the full disk: %w", s.Err)
			}
		}
		began := time.Now()
		if err := os.Truncate(ballast, int64(700-300*round)<<10); err != nil {
			return err
		}
		for err = put(fmt.Sprint("again", round), 10); err != nil && time.Since(began) < 10*time.Second; {
			err = put(fmt.Sprint("again", round), 10)
		}
		if err != nil {
			return fmt.Errorf("round %d: there is room: %w", round, err)
		}
		fmt.Printf("round %d: full after %d, written again after %v\n", round, kept, time.Since(began))
	}
	return nil
}
