//go:build amd64 || arm64

package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
)

// sums are those of programs that were read already: 20 MB take some 15 ms.
var sums known

type known struct {
	mu    sync.Mutex
	files map[identity]string
}

// identity is another one when a file's content is: nobody but the kernel sets when the
// file was changed last.
type identity struct {
	device, inode uint64
	size          int64
	changed       syscall.Timespec
}

// check says whether a file has a sum.
func (k *known) check(f *os.File, want string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	stat := info.Sys().(*syscall.Stat_t)
	id := identity{stat.Dev, stat.Ino, stat.Size, stat.Ctim}
	k.mu.Lock()
	sum, ok := k.files[id]
	k.mu.Unlock()
	if !ok {
		hash := sha256.New()
		if _, err := io.Copy(hash, f); err != nil {
			return fmt.Errorf("read %s: %w", f.Name(), err)
		}
		sum = hex.EncodeToString(hash.Sum(nil))
		k.mu.Lock()
		if k.files == nil {
			k.files = map[identity]string{}
		}
		k.files[id] = sum
		k.mu.Unlock()
	}
	if sum != want {
		return fmt.Errorf("%s: %w", f.Name(), ErrChanged)
	}
	return nil
}
