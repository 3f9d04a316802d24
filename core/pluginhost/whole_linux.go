package pluginhost

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// looks is what changes when any file below a folder does: their numbers, sizes and
// times. The time of the last change of an inode (ctime) is set by the kernel alone.
func looks(dir string) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s := info.Sys().(*syscall.Stat_t)
		_, err = fmt.Fprintf(h, "%q %d %d %o %d %v %v\n", path, s.Dev, s.Ino, s.Mode, s.Size, s.Mtim, s.Ctim)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}
