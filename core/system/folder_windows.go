package system

import (
	"errors"
	"hash/fnv"
	"path/filepath"
	"syscall"
)

// SyncFolder does nothing: Windows keeps the names of a folder itself.
func SyncFolder(string) error { return nil }

// Full says whether an error means that the disk is used up.
func Full(err error) bool {
	const handleDiskFull, diskFull = syscall.Errno(39), syscall.Errno(112)
	return errors.Is(err, handleDiskFull) || errors.Is(err, diskFull)
}

// Disk tells the disks of two folders apart: a number of its own for each.
func Disk(dir string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(filepath.VolumeName(dir)))
	return h.Sum64()
}
