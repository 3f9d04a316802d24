package workbench

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/enginebay/enginebay/core/packages"
)

// Make makes the package's files in a plugin's folder, for its platform: by the
// command that the manifest names, or "go build" in a Go module. A folder with
// neither is as it is. The error is what the command said.
func Make(ctx context.Context, dir string, m packages.Manifest) error {
	command, err := Command(dir, m)
	if err != nil || command == nil {
		return err
	}
	return run(ctx, dir, m.Platform, command)
}

// run runs a command that builds for a platform; what that leaves open is this machine.
func run(ctx context.Context, dir string, p packages.Platform, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.WaitDelay = dir, time.Second // what the command has started may hold its output open
	cmd.Env = append(os.Environ(), "GOOS="+cmp.Or(p.OS, runtime.GOOS), "GOARCH="+cmp.Or(p.Arch, runtime.GOARCH))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	said := strings.TrimSpace(string(bytes.ToValidUTF8(out, []byte("�"))))
	if said == "" {
		said = err.Error()
	}
	return fmt.Errorf("%s:\n%s", strings.Join(command, " "), said)
}

// Command is what makes the files of a plugin's package; nil: nothing does.
func Command(dir string, m packages.Manifest) ([]string, error) {
	if len(m.Build) > 0 {
		return m.Build, nil
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return []string{"go", "build", "-trimpath", "-o", filepath.FromSlash(m.EntryOn(system(m))), "."}, nil
}

// checkEntry says whether a package has its program.
func checkEntry(dir string, m packages.Manifest) error {
	entry := m.EntryOn(system(m))
	info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(entry)))
	if err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("the build made no %s, which plugin.json names as the entry; packages have what is in bin/, libs/ and licences/", entry)
	}
	return nil
}

func copyFile(from, to string, executable bool) error {
	mode := fs.FileMode(0o644)
	if executable {
		mode = 0o755
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
