package download

import (
	"errors"
	"hash/fnv"
	"os"
	"path/filepath"
	"syscall"
)

// syncFolder does nothing: Windows keeps the names of a folder itself.
func syncFolder(string) error { return nil }

// full says whether an error means that the disk is used up.
func full(err error) bool {
	const handleDiskFull, diskFull = syscall.Errno(39), syscall.Errno(112)
	return errors.Is(err, handleDiskFull) || errors.Is(err, diskFull)
}

// disk tells the disks of two folders apart.
func disk(dir string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(filepath.VolumeName(dir)))
	return h.Sum64()
}

// lock is not needed: what is open here is removed and renamed by nobody.
func lock(*os.File) bool { return true }
