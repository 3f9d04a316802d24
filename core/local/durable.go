package local

import (
	"io/fs"
	"path/filepath"

	"github.com/enginebay/enginebay/core/system"
)

// durable makes a model's folder safe from a loss of power, with the names in it and
// those of the folders that it lies in, up to root: only then may the originals go,
// which can be on another disk. The files themselves are safe already.
func durable(root, dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return system.SyncFolder(path)
	})
	for err == nil && dir != root {
		dir = filepath.Dir(dir)
		err = system.SyncFolder(dir)
	}
	return err
}
