// Package durable writes files of which nobody ever sees a part: whole or not at all,
// also when the machine stops in between.
package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write puts a file in the place of the one that is there, if any, once fill has written
// it. Its folder has to be there. A process that is killed before may leave a hidden file
// beside it.
func Write(file string, mode fs.FileMode, fill func(io.Writer) error) error {
	temp, err := os.CreateTemp(filepath.Dir(file), ".new-*") // short: the name of the file may be as long as can be
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // it is gone where all went well
	if err := errors.Join(fill(temp), temp.Chmod(mode), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), file)
}

// Replace is Write of what is known.
func Replace(file string, data []byte, mode fs.FileMode) error {
	return Write(file, mode, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}
