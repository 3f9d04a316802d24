package packages

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"
)

// maxBack is how far back compressed files look for what was there before, in bytes:
// libraries come in several copies where links to them are followed. Who unpacks
// needs as much memory.
const maxBack = 64 << 20

// window is as much of maxBack as a package of a size has use for.
func window(size int64) int {
	w := zstd.MinWindowSize
	for ; w < maxBack && int64(w) < size; w *= 2 {
	}
	return w
}

// Pack writes the package in a folder as a .tar.zst: the same bytes for the same
// files. A folder with SHA256SUMS is checked by it, see [Open], and keeps its
// signature; of a loose one [Gather] says what goes in.
func Pack(dir string, w io.Writer) error {
	return pack(dir, w, zstd.SpeedBetterCompression)
}

// Copy copies the package in a folder to another by packing and unpacking it, so that
// it is checked as an archive is. A loose one becomes a package by that.
func Copy(from, to string) (Package, error) {
	read, write := io.Pipe()
	go func() { write.CloseWithError(pack(from, write, zstd.SpeedFastest)) }()
	p, err := Unpack(read, to)
	read.CloseWithError(errors.New("nobody reads on"))
	return p, err
}

func pack(dir string, w io.Writer, level zstd.EncoderLevel) error {
	p, err := Open(dir)
	if errors.Is(err, ErrLoose) {
		p, err = Gather(dir)
	}
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window(p.Size)), zstd.WithEncoderLevel(level))
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	if err := p.write(root, t); err != nil {
		z.Close()
		return err
	}
	return errors.Join(t.Close(), z.Close())
}

// write puts the two files that vouch for the others first, so that a reader who
// only wants to know what it is need not read on.
func (p Package) write(root *os.Root, t *tar.Writer) error {
	for _, small := range []struct {
		name string
		data []byte
	}{{SumsFile, p.sums}, {SignatureFile, p.Signature}} {
		if small.data == nil {
			continue
		}
		if err := t.WriteHeader(header(File{Path: small.name, Size: int64(len(small.data))})); err != nil {
			return err
		}
		if _, err := t.Write(small.data); err != nil {
			return err
		}
	}
	for _, f := range p.Files {
		if err := writeFile(root, t, f); err != nil {
			return fmt.Errorf("pack %s: %w", f.Path, err)
		}
	}
	return nil
}

// writeFile writes a file and sees that it is still the one that was hashed.
func writeFile(root *os.Root, t *tar.Writer, f File) error {
	file, err := openFile(root, f)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := t.WriteHeader(header(f)); err != nil {
		return err
	}
	h := sha256.New()
	if err := copyWhole(io.MultiWriter(t, h), file, f); err != nil {
		return err
	}
	if hexSum(h) != f.SHA256 {
		return errors.New("it changed while it was packed; try again")
	}
	return nil
}

// header is one that says nothing of who packed it, and when.
func header(f File) *tar.Header {
	mode := int64(0o644)
	if f.Executable {
		mode = 0o755
	}
	return &tar.Header{Typeflag: tar.TypeReg, Name: f.Path, Size: f.Size, Mode: mode, ModTime: time.Unix(0, 0)}
}
