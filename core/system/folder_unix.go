//go:build unix

package system

import (
	"errors"
	"os"
	"syscall"
)

// SyncFolder makes the names in a folder safe from a loss of power.
func SyncFolder(dir string) error {
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

// Full says whether an error means that the disk, or the share in it, is used up.
func Full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// Disk tells the disks of two folders apart: a number of its own for each; 0 where
// that cannot be told.
func Disk(dir string) uint64 {
	info, err := os.Stat(dir)
	if err != nil {
		return 0
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Dev)
	}
	return 0
}
