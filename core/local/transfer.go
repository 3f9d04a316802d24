package local

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/sdk"
)

// stride is after how many bytes one looks up: at the disk, at who waits, and
// whether they still do.
const stride = 32 << 20

// A transfer brings bytes into a folder of the store.
type transfer struct {
	ctx      context.Context
	dir      string
	o        Options
	phase    string
	total    int64 // 0: not known
	done     int64
	progress func(Progress)
}

// take brings a file in under a name of its own. To move is to give it a second
// name and to take the first one away at the end; a copy that is cut off has then
// lost nothing.
func (t *transfer) take(file, name string) error {
	to := filepath.Join(t.dir, name)
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return sdk.Errorf(sdk.CodeInvalid, "%s cannot be read: %v", file, cause(err))
	}
	if t.o.Mode == Move && os.Link(real, to) == nil {
		t.done += sizeOf([]string{to})
		return t.tick()
	}
	from, size, err := open(file)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := t.o.room(t.dir, size); err != nil {
		return err
	}
	return t.write(name, from)
}

// open opens a file, and tells how many bytes it has.
func open(file string) (*os.File, int64, error) {
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() { // opening a FIFO would block
		return nil, 0, sdk.Errorf(sdk.CodeInvalid, "%s is no regular file", file)
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(file)
	}
	if err != nil {
		return nil, 0, sdk.Errorf(sdk.CodeInvalid, "%s cannot be read: %v", file, cause(err))
	}
	return f, info.Size(), nil
}

// write writes a stream to a new file, to the disk itself.
func (t *transfer) write(name string, from io.Reader) error {
	to, err := os.OpenFile(filepath.Join(t.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return t.failed(name, err)
	}
	err = t.stream(to, from)
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		return t.failed(name, err)
	}
	return nil
}

func (t *transfer) stream(to *os.File, from io.Reader) error {
	for {
		n, err := io.CopyN(to, from, stride) // between files the system copies by itself
		t.done += n
		if late := t.tick(); late != nil {
			return late
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// tick tells how far it is, and says whether to go on.
func (t *transfer) tick() error {
	if err := t.ctx.Err(); err != nil {
		return sdk.Errorf(sdk.CodeCanceled, "The import was given up")
	}
	if err := t.o.room(t.dir, 0); err != nil {
		return err
	}
	if t.progress != nil {
		t.progress(Progress{t.phase, t.done, t.total})
	}
	return nil
}

func (t *transfer) failed(name string, err error) error {
	if coded := (*sdk.Error)(nil); errors.As(err, &coded) {
		return coded
	}
	if system.Full(err) {
		return sdk.Errorf(sdk.CodeExhausted, "The disk of the models folder is full")
	}
	return sdk.Errorf(sdk.CodeInternal, "%s cannot be written: %v", name, cause(err))
}

// room says what stands against n more bytes on the disk of a folder.
func (o Options) room(dir string, n int64) error {
	if o.Free == nil {
		return nil
	}
	free, err := o.Free(dir)
	if err != nil || free >= o.Reserve && free-o.Reserve >= uint64(n) {
		return nil //nolint:nilerr // a disk that does not tell is found full by writing to it
	}
	return sdk.Errorf(sdk.CodeExhausted, "The disk of the models folder has too little room: %s are free, of which %s stay free (download_reserve), and %s are to come; make room, or link the file instead",
		humanize.Bytes(free), humanize.Bytes(o.Reserve), humanize.Bytes(uint64(n)))
}
