package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// durable makes a model's folder safe from a loss of power, with the names in it and
// those of the folders that it lies in, up to root: only then may the originals go,
// which can be on another disk. The files themselves are safe already.
func durable(root, dir string) error {
	if runtime.GOOS == "windows" { // it has no such thing
		return nil
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncFolder(path)
	})
	for err == nil && dir != root {
		dir = filepath.Dir(dir)
		err = syncFolder(dir)
	}
	return err
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) { // some network file systems cannot
		err = nil
	}
	return errors.Join(err, d.Close())
}
