package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/enginebay/enginebay/sdk"
)

// A File is a file on a web server of which only some bytes are wanted, such as
// the head of a GGUF file. It reads whole blocks and keeps them, and it is
// bounded: what wants more of it than a head has is refused.
type File struct {
	catalogue *Catalogue
	ctx       context.Context // io.ReaderAt has none; that of the call to Range, which also ends the file's use
	first     string          // address as it was asked for
	etag      string
	size      int64

	mu     sync.Mutex
	direct string // where first redirects to
	blocks map[int64][]byte
	read   int64
}

const (
	blockSize   = 256 << 10
	maxFileRead = 64 << 20
)

// Range opens the file at an address of any origin, and says how large it is.
// Reads fail once ctx has ended. Redirects are followed once and remembered:
// hubs sign the address of the storage for each call.
func (c *Catalogue) Range(ctx context.Context, address string) (*File, int64, error) {
	f := &File{catalogue: c, ctx: ctx, first: address, direct: address, size: -1, blocks: map[int64][]byte{}}
	if _, err := f.block(0); err != nil {
		return nil, 0, err
	}
	return f, f.size, nil
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read %s at %d: negative offset", Public(f.first), off)
	}
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if at >= f.size {
			return done, io.EOF
		}
		block, err := f.block(at / blockSize)
		if err != nil {
			return done, err
		}
		done += copy(p[done:], block[at%blockSize:])
	}
	return done, nil
}

// block returns one block, from the file or from memory.
func (f *File) block(number int64) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b, ok := f.blocks[number]; ok {
		return b, nil
	}
	if f.read >= maxFileRead {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s has no head that ends within %d MiB", Public(f.first), maxFileRead>>20)
	}
	b, err := f.fetch(number * blockSize)
	if err != nil {
		return nil, err
	}
	f.blocks[number] = b
	f.read += int64(len(b))
	return b, nil
}

// fetch reads a block from where the last one came from, and from the address as
// it was asked for where that does not serve any more: signed ones expire.
func (f *File) fetch(off int64) ([]byte, error) {
	b, err := f.fetchFrom(f.direct, off)
	var status *StatusError
	if f.direct != f.first && errors.As(err, &status) && status.Status < 500 {
		f.direct = f.first
		return f.fetchFrom(f.direct, off)
	}
	return b, err
}

func (f *File) fetchFrom(address string, off int64) (block []byte, err error) {
	request := func(ctx context.Context) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err == nil {
			r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+blockSize-1))
		}
		return r, err
	}
	err = f.catalogue.try(f.ctx, request, func(answer *http.Response) error {
		size, err := f.check(answer, off)
		if err != nil {
			return err
		}
		block, err = part(answer, off, min(blockSize, size-off))
		if err != nil {
			return err
		}
		f.size, f.etag, f.direct = size, answer.Header.Get("ETag"), answer.Request.URL.String()
		return nil
	})
	var status *StatusError
	if errors.As(err, &status) && off == 0 && status.Status == http.StatusRequestedRangeNotSatisfiable {
		f.size = 0 // a file without a first byte
		return nil, nil
	}
	return block, err
}

// check says how large the file is by an answer, and refuses one of another file
// than before.
func (f *File) check(answer *http.Response, off int64) (int64, error) {
	size := answer.ContentLength
	if answer.StatusCode == http.StatusPartialContent {
		span, total, _ := strings.Cut(strings.TrimPrefix(answer.Header.Get("Content-Range"), "bytes "), "/")
		from, _, _ := strings.Cut(span, "-")
		n, err := strconv.ParseInt(total, 10, 64)
		if err != nil || n < 0 || from != strconv.FormatInt(off, 10) {
			return 0, sdk.Errorf(sdk.CodeUnavailable, "'%s' answers with another part of the file than was asked for", answer.Request.URL.Host)
		}
		size = n
	}
	switch {
	case answer.StatusCode != http.StatusPartialContent && answer.StatusCode != http.StatusOK || size < 0:
		return 0, sdk.Errorf(sdk.CodeUnavailable, "'%s' does not say how large the file is", answer.Request.URL.Host)
	case answer.Header.Get("Content-Encoding") != "" && answer.Header.Get("Content-Encoding") != "identity":
		return 0, sdk.Errorf(sdk.CodeUnavailable, "'%s' packs what it sends, which nobody asked for", answer.Request.URL.Host)
	case f.size >= 0 && (size != f.size || f.etag != answer.Header.Get("ETag")):
		return 0, sdk.Errorf(sdk.CodeUnavailable, "%s changed while it was read; ask again", Public(f.first))
	}
	return size, nil
}

// part reads n bytes at off. A server that knows no ranges sends all from the
// beginning; what was not asked for is passed over, which is little, for heads
// are read and not files.
func part(answer *http.Response, off, n int64) ([]byte, error) {
	if answer.StatusCode == http.StatusOK {
		if _, err := io.CopyN(io.Discard, answer.Body, off); err != nil {
			return nil, err
		}
	}
	block := make([]byte, max(0, n))
	_, err := io.ReadFull(answer.Body, block)
	return block, err
}
