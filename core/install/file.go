package install

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// seal makes the files of a tree read-only, and returns when the disk has all of it.
// Folders stay as they are, so that a person can remove the home folder with rm -r.
func seal(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o444)
		switch {
		case info.IsDir():
			mode = 0o755
		case info.Mode()&0o111 != 0:
			mode = 0o555
		}
		if err := sync(path, info); err != nil {
			return err
		}
		return os.Chmod(path, mode)
	})
}

func sync(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0) // Windows syncs nothing that is open for reading only
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// removeTree removes a tree that was sealed.
func removeTree(dir string) error {
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chmod(path, 0o700)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dir)
}
