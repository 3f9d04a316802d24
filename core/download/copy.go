package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/enginebay/enginebay/sdk"
)

// local is the path that a file: address names.
func local(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host != "" && u.Host != "localhost" || u.Path == "" {
		return "", sdk.Errorf(sdk.CodeInvalid, "a file on this machine is named as file:///path/of/the/file")
	}
	name := u.Path
	if runtime.GOOS == "windows" {
		name = strings.TrimPrefix(name, "/")
	}
	return filepath.FromSlash(name), nil
}

// look opens a file on this machine, and tells its version.
func look(address string) (*os.File, int64, version, error) {
	name, err := local(address)
	if err != nil {
		return nil, 0, version{}, err
	}
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() { // a pipe would block
		if err == nil {
			err = errors.New("it is no regular file")
		}
		return nil, 0, version{}, &sdk.Error{Code: sdk.CodeNotFound, Message: fmt.Sprintf("'%s' cannot be copied", name), Cause: err}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, version{}, &sdk.Error{Code: sdk.CodeNotFound, Message: fmt.Sprintf("'%s' cannot be copied", name), Cause: err}
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, version{}, err
	}
	return f, info.Size(), version{Modified: info.ModTime().UTC().Format(time.RFC3339Nano)}, nil
}

// copy brings a file of this machine into the partial: by reference where the file
// system can share what is in them, or else byte by byte, which the kernel does.
func (t *transfer) copy(ctx context.Context) error {
	from, size, v, err := look(t.file.URL)
	if err != nil {
		return err
	}
	defer from.Close()
	if t.file.Size > 0 && size != t.file.Size {
		return sdk.Errorf(sdk.CodeInvalid, "'%s' has %d bytes, but must have %d; it is another file than the one that was chosen", from.Name(), size, t.file.Size)
	}
	known := t.part.expected()
	if t.part.board.empty() || known.version.other(v) || known.Size != size {
		if err := t.part.begin(size, v, nil); err != nil {
			return err
		}
	}
	if t.part.board.empty() && clone(t.part.file, from) == nil {
		t.part.board.fill()
	}
	if err := t.client.reserve(t.part, t.Config); err != nil {
		return err
	}
	if err := t.alongside(ctx, func(ctx context.Context) error { return t.blocks(ctx, from) }); err != nil {
		return err
	}
	if _, now, again, err := look(t.file.URL); err != nil || now != size || again != v {
		return wrong("'%s' changed while it was copied; copy it again", from.Name())
	}
	return t.part.finish(ctx, t.file.Check)
}

// copied is how much is copied between two looks at the context.
const copied = 16 << 20

func (t *transfer) blocks(ctx context.Context, from *os.File) error {
	for ctx.Err() == nil {
		c := t.part.board.take(copied, unknown)
		if c == nil {
			return nil
		}
		if _, err := from.Seek(c.at, io.SeekStart); err != nil {
			return err
		}
		if _, err := t.part.file.Seek(c.at, io.SeekStart); err != nil {
			return err
		}
		n, err := io.CopyN(t.part.file, from, c.end-c.at)
		t.part.board.wrote(c, n)
		t.got.Add(n)
		t.part.board.drop(c)
		if err == io.EOF {
			return wrong("'%s' became shorter while it was copied; copy it again", from.Name())
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// alongside runs work with what goes on beside it: the hash, the journal, a look at
// the disk.
func (t *transfer) alongside(ctx context.Context, work func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	side, stop := context.WithCancel(ctx)
	defer stop()
	g.Go(func() error { return t.keep(side) })
	g.Go(func() error { return t.part.follow(side) })
	g.Go(func() error {
		defer stop()
		return work(ctx)
	})
	return g.Wait()
}
