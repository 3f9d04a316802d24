package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openForWriting says whether a program has the file open to write to it: then the
// system grants no read lease (fcntl(2)). What cannot be asked, as of a file of
// another user or on a network, counts as no.
func openForWriting(file string) bool {
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close() // gives a lease back
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	return errors.Is(err, unix.EAGAIN)
}
