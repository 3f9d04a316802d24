package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/enginebay/enginebay/sdk"
)

// stride is after how many bytes one looks up while unpacking.
const stride = 1 << 20

// Unpack writes the files into a folder, which must be empty. tick is called after
// every few megabytes with the bytes that were written by then, and ends the
// unpacking by an error. What is written when an error comes is for the caller to
// remove. The hashes are SHA-256 in hexadecimal, by the paths below the folder.
//
// [sdk.CodeInvalid]: a file is not as the archive says, by its size, CRC or hash.
func (a *Archive) Unpack(ctx context.Context, dir string, tick func(done int64) error) (hashes map[string]string, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	hashes = map[string]string{}
	u := &unpacking{ctx: ctx, root: root, tick: tick, buf: make([]byte, stride)}
	for _, f := range a.files {
		sum, err := u.write(f)
		if err != nil {
			return nil, err
		}
		hashes[f.name] = sum
		if want, ok := a.sums[f.name]; ok && want.SHA256 != sum {
			return nil, sdk.Errorf(sdk.CodeInvalid, "The zip is damaged: %s has the SHA-256 %s and should have %.64s", f.name, sum, want.SHA256)
		}
	}
	return hashes, nil
}

// unpacking is the work of Unpack.
type unpacking struct {
	ctx  context.Context
	root *os.Root
	tick func(int64) error
	done int64
	buf  []byte
}

func (u *unpacking) write(f entry) (sum string, err error) {
	r, err := f.zip.Open()
	if err != nil {
		return "", damaged(f, err)
	}
	defer r.Close()
	name := filepath.FromSlash(f.name)
	if dir := filepath.Dir(name); dir != "." {
		if err := u.root.MkdirAll(dir, 0o700); err != nil {
			return "", err
		}
	}
	file, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	err = u.copy(io.MultiWriter(file, h), r, f)
	err = errors.Join(err, file.Sync(), file.Close())
	return digest(h), err
}

// copy writes the bytes of one file, and no more than it says to have.
func (u *unpacking) copy(w io.Writer, r io.Reader, f entry) error {
	left := int64(f.zip.UncompressedSize64)
	for {
		n, err := r.Read(u.buf)
		if left -= int64(n); left < 0 {
			return damaged(f, errors.New("it is larger than it says"))
		}
		if _, err := w.Write(u.buf[:n]); err != nil {
			return err
		}
		if err := u.count(n); err != nil {
			return err
		}
		switch {
		case errors.Is(err, io.EOF) && left == 0:
			return nil
		case err != nil:
			return damaged(f, err)
		}
	}
}

// count looks up at every stride.
func (u *unpacking) count(n int) error {
	before := u.done
	if u.done += int64(n); u.done/stride == before/stride {
		return nil
	}
	if err := u.ctx.Err(); err != nil {
		return err
	}
	return u.tick(u.done)
}

func damaged(f entry, err error) error {
	return sdk.Errorf(sdk.CodeInvalid, "The zip is damaged: %s: %v", f.name, err)
}
