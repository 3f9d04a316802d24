package packages

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/enginebay/enginebay/core/portable"
)

// What an archive may become: programs compress to a third, a bomb to a thousandth.
const (
	maxRatio  = 100
	slack     = 64 << 20  // bytes that come out whatever the ratio
	maxWindow = 128 << 20 // bytes of memory that it takes to unpack
)

// maxEntries is how many files and folders an archive may make; a test makes it small.
var maxEntries = 2 * maxFiles

// Unpack writes a .tar.zst of any maker into a folder that is empty or not there, and
// checks what came out as [Open] does. It is held to be hostile: nothing is written
// outside of the folder, and not much more than a package may have. After an error
// there may be files in the folder; the caller removes it.
func Unpack(r io.Reader, dir string) (Package, error) {
	root, err := openEmpty(dir)
	if err != nil {
		return Package{}, err
	}
	defer root.Close()
	in := &counter{r: r}
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return Package{}, err
	}
	defer z.Close()
	u := &unpacking{root: root, out: &bounded{r: z, in: in}, folders: map[string]bool{".": true}}
	if err := u.all(); err != nil {
		return Package{}, fmt.Errorf("unpack the archive: %w", err)
	}
	return Open(dir)
}

// An Archive is the file that a package came in.
type Archive struct {
	Size   int64  // bytes
	SHA256 string // hex, of the very bytes that were unpacked
}

// UnpackFile unpacks a packed package as [Unpack] does, and ends when ctx does.
func UnpackFile(ctx context.Context, file, dir string) (Package, Archive, error) {
	f, err := os.Open(file)
	if err != nil {
		return Package{}, Archive{}, err
	}
	defer f.Close()
	defer context.AfterFunc(ctx, func() { f.Close() })()
	hash := sha256.New()
	in := &counter{r: io.TeeReader(f, hash)}
	p, err := Unpack(in, dir)
	if err == nil {
		_, err = io.Copy(io.Discard, in) // what follows belongs to the hash too
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return p, Archive{in.n, hexSum(hash)}, err
}

func openEmpty(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("unpack into %s: the folder is not empty", dir)
	}
	if err != nil {
		return nil, err
	}
	return os.OpenRoot(dir)
}

type unpacking struct {
	root    *os.Root
	out     *bounded
	count   int             // of entries, and of the folders that they are in
	folders map[string]bool // that were made
}

func (u *unpacking) all() error {
	t := tar.NewReader(u.out)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return u.rest()
		}
		if err != nil {
			return err
		}
		if err := u.another(); err != nil {
			return err
		}
		if err := u.entry(h, t); err != nil {
			return err
		}
	}
}

// another counts what takes a place in the file system: a short name may bring many folders.
func (u *unpacking) another() error {
	if u.count++; u.count > maxEntries {
		return fmt.Errorf("it has more than %d entries", maxEntries)
	}
	return nil
}

// folder makes a folder and those above it.
func (u *unpacking) folder(name string) error {
	if u.folders[name] {
		return nil
	}
	if err := u.folder(path.Dir(name)); err != nil {
		return err
	}
	if err := u.another(); err != nil {
		return err
	}
	u.folders[name] = true
	if err := u.root.Mkdir(name, 0o755); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil // of two that differ in case: who checks the names refuses them
}

// entry writes a file. Folders come with the files in them, and there must not be
// anything else.
func (u *unpacking) entry(h *tar.Header, r io.Reader) error {
	name := strings.TrimPrefix(h.Name, "./") // as "tar -c ." has it
	isFolder := h.Typeflag == tar.TypeDir
	if isFolder && name == "" {
		return nil
	}
	if isFolder {
		name = strings.TrimSuffix(name, "/")
	}
	if err := portable.Name(name); err != nil {
		return err
	}
	if strings.Count(name, "/") >= maxDepth {
		return fmt.Errorf("the name %.100q is too deep", name)
	}
	for record := range h.PAXRecords {
		if strings.HasPrefix(record, "GNU.sparse.") {
			return fmt.Errorf("%q is a file with holes", name)
		}
	}
	switch {
	case isFolder:
		return nil
	case h.Typeflag != tar.TypeReg:
		return fmt.Errorf("%q is a link or a device; a package holds files only", name)
	case h.Size > maxSize:
		return fmt.Errorf("%q is larger than a package may be", name)
	}
	return u.file(name, h.FileInfo().Mode().Perm(), r)
}

func (u *unpacking) file(name string, mode os.FileMode, r io.Reader) error {
	if err := u.folder(path.Dir(name)); err != nil {
		return err
	}
	f, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	kept := os.FileMode(0o644)
	if mode&0o111 != 0 {
		kept = 0o755
	}
	_, err = io.CopyBuffer(f, r, make([]byte, 1<<18))
	return errors.Join(err, f.Chmod(kept), f.Close())
}

// rest sees that nothing follows the end that tar has found but the zeros that some
// programs fill the last block with.
func (u *unpacking) rest() error {
	for buf := make([]byte, 1<<15); ; {
		n, err := u.out.Read(buf)
		for _, b := range buf[:n] {
			if b != 0 {
				return errors.New("something follows its end")
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// counter counts what is read.
type counter struct {
	r   io.Reader
	n   int64
	err error // of the reading itself
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// bounded ends with an error where more comes out than may come of what went in.
type bounded struct {
	r  io.Reader
	in *counter
	n  int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	if b.n > b.in.n*maxRatio+slack || b.n > maxSize+slack {
		return 0, errors.New("more comes out than a package may hold: no programs compress like that")
	}
	if err != nil && !errors.Is(err, io.EOF) && b.in.err == nil {
		err = fmt.Errorf("it is damaged, or no .tar.zst; fetch or pack it again: %w", err)
	}
	return n, err
}
