package archive

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// Export writes a model as a zip: its model file without secrets and without the
// paths of this machine, its weights where they are wanted, also those that are
// linked, its projector, and what else lies in the folder for it. Of a folder of
// several models only this one goes along. Nothing is compressed: weights hardly
// get smaller, and so the [Size] is known before.
//
// The error says also when a file changed meanwhile; what was written is then no
// zip. [sdk.CodeInvalid]: the model's file cannot be read, or weights are wanted
// and not all here.
func Export(w io.Writer, m *store.Model, weights bool) error {
	p, err := pack(m, weights)
	if err != nil {
		return err
	}
	defer p.close()
	zw := zip.NewWriter(w)
	for i, f := range p.files {
		sum, err := p.copy(zw, f)
		if err != nil {
			return fmt.Errorf("export '%s': %s: %w", m.ID, f.name, err)
		}
		p.list.Files[i].SHA256 = sum
	}
	if err := p.finish(zw); err != nil {
		return fmt.Errorf("export '%s': %w", m.ID, err)
	}
	return nil
}

// Size is how many bytes [Export] is going to write.
func Size(m *store.Model, weights bool) (int64, error) {
	p, err := pack(m, weights)
	if err != nil {
		return 0, err
	}
	defer p.close()
	var n counter
	zw := zip.NewWriter(&n)
	for i, f := range p.files {
		p.list.Files[i].SHA256 = strings.Repeat("0", sha256.Size*2)
		if err := hollow(zw, p.header(f)); err != nil {
			return 0, fmt.Errorf("export '%s': %w", m.ID, err)
		}
	}
	if err := p.finish(zw); err != nil {
		return 0, fmt.Errorf("export '%s': %w", m.ID, err)
	}
	return int64(n), nil
}

// A parcel is a model about to be written.
type parcel struct {
	root  *os.Root // the model's folder
	id    string
	list  list
	files []item
}

// An item is a file of a parcel.
type item struct {
	name     string
	text     []byte // of the model file
	file     *os.File
	size     int64
	modified time.Time
}

func (p *parcel) close() {
	for _, f := range p.files {
		if f.file != nil {
			_ = f.file.Close()
		}
	}
	_ = p.root.Close()
}

func (p *parcel) header(f item) *zip.FileHeader {
	h := &zip.FileHeader{Name: path.Join(p.id, f.name), Method: zip.Store, Modified: f.modified.UTC().Truncate(time.Second)}
	h.SetMode(0o644)
	h.UncompressedSize64 = uint64(f.size)
	return h
}

func (p *parcel) copy(zw *zip.Writer, f item) (sha string, err error) {
	w, err := zw.CreateHeader(p.header(f))
	if err != nil {
		return "", err
	}
	h := sha256.New()
	if f.file == nil {
		_, err = io.MultiWriter(w, h).Write(f.text)
		return digest(h), err
	}
	n, err := io.CopyBuffer(io.MultiWriter(w, h), io.NewSectionReader(f.file, 0, f.size+1), make([]byte, 1<<20))
	if err == nil && n != f.size {
		err = errors.New("the file was changed while it was exported; export it again")
	}
	return digest(h), err
}

func digest(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// finish writes the list and the end of the archive.
func (p *parcel) finish(zw *zip.Writer) error {
	text, err := json.MarshalIndent(p.list, "", "  ")
	if err != nil {
		return err
	}
	w, err := zw.CreateHeader(p.header(item{name: listName, size: int64(len(text)), modified: time.Now()}))
	if err == nil {
		_, err = w.Write(text)
	}
	return errors.Join(err, zw.Close())
}

// hollow makes an archive as long as if the file were in it. CreateHeader would
// have all bytes go through the checksum.
func hollow(zw *zip.Writer, h *zip.FileHeader) error {
	h.CompressedSize64 = h.UncompressedSize64
	h.Flags |= 0x8            // sizes after the data, as CreateHeader has them
	h.Extra = make([]byte, 9) // the time, which CreateHeader adds
	w, err := zw.CreateRaw(h)
	zeros := make([]byte, 1<<20)
	for left := h.UncompressedSize64; err == nil && left > 0; {
		n := min(left, uint64(len(zeros)))
		_, err = w.Write(zeros[:n])
		left -= n
	}
	return err
}

// counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// text is a manifest as a model file has it.
func text(m sdk.Manifest) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(m)
	return b.Bytes(), err
}
