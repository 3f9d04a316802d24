package archive

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// maxDirectory is how many bytes may be read to know what an archive holds.
const maxDirectory = 8 << 20

// directory reads the table of contents of a zip. What it says of its own length
// is believed by nobody: archive/zip makes room for as many entries as a zip64
// claims to have, which is gigabytes for a large file, and ends the process where
// there are none.
func directory(r io.ReaderAt, size int64) (*zip.Reader, error) {
	g := &guard{r: r}
	zr, err := zip.NewReader(g, size)
	if g.err != nil {
		return nil, g.err
	}
	if errors.Is(err, zip.ErrInsecurePath) { // names are looked at one by one
		err = nil
	}
	g.open = true
	return zr, err
}

// A guard lets only so much be read before it is open.
type guard struct {
	r    io.ReaderAt
	open bool
	read int64
	err  error
}

// ReadAt implements io.ReaderAt.
func (g *guard) ReadAt(p []byte, off int64) (int, error) {
	n, err := g.r.ReadAt(p, off)
	if g.open {
		return n, err
	}
	if g.read += int64(n); g.read > maxDirectory {
		g.err = errors.New("it has too many entries")
		return 0, g.err
	}
	if end := p[:n]; bytes.HasPrefix(end, []byte("PK\x06\x06")) && n >= 40 && binary.LittleEndian.Uint64(end[32:]) > maxEntries {
		g.err = errors.New("it has too many entries")
		return 0, g.err
	}
	return n, err
}
