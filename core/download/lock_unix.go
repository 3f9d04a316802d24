//go:build unix

package download

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock keeps a file for this process until it is closed, however the process ends;
// false: another one has it. Some network file systems cannot.
func lock(f *os.File) bool {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	return !errors.Is(err, unix.EWOULDBLOCK)
}
