package store

import (
	"io/fs"
	"os"
	"path/filepath"
)

// link is the first symbolic link on the way from a root to a path in it, which
// may be one itself; empty where there is none.
func (s *Store) link(path string) string {
	if !within(path, s.rootOf(path).dir) {
		return ""
	}
	if above := s.link(filepath.Dir(path)); above != "" {
		return above
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return path
	}
	return ""
}

// real is a path without symbolic links.
func real(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}
