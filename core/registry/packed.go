package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/sdk"
)

// packed is a package with the archive that it came in.
type packed struct {
	packages.Package
	path   string
	size   int64
	sha256 string
}

// open reads archives as whoever installs them will: unpacked, and checked to the last
// file.
func unpack(ctx context.Context, paths []string) ([]packed, error) {
	var all []packed
	for _, path := range paths {
		p, err := unpackOne(ctx, path)
		if err != nil {
			return nil, &sdk.Error{Code: sdk.CodeInvalid, Message: path + " cannot be published", Cause: err}
		}
		all = append(all, p)
	}
	return all, nil
}

func unpackOne(ctx context.Context, path string) (packed, error) {
	file, err := os.Open(path)
	if err != nil {
		return packed{}, err
	}
	defer file.Close()
	dir, err := os.MkdirTemp("", "enginebay-publish-*")
	if err != nil {
		return packed{}, err
	}
	defer os.RemoveAll(dir)
	hash := sha256.New()
	counted := &counter{r: io.TeeReader(&stoppable{ctx, file}, hash)}
	pkg, err := packages.Unpack(counted, dir)
	if err == nil {
		_, err = io.Copy(io.Discard, counted) // what follows belongs to the hash too
	}
	if err != nil {
		return packed{}, err
	}
	if pkg.Signature == nil {
		return packed{}, fmt.Errorf("%w; sign it with \"enginebay plugin sign\" first", packages.ErrUnsigned)
	}
	return packed{pkg, path, counted.n, hex.EncodeToString(hash.Sum(nil))}, nil
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// reopen opens the archive again to send or copy it; what was changed since is found at
// its end.
func (p packed) reopen() (io.ReadCloser, error) {
	file, err := os.Open(p.path)
	if err != nil {
		return nil, err
	}
	return &verified{File: file, hash: sha256.New(), want: p.sha256}, nil
}

// variant is what a registry says of the archive at an address.
func (p packed) variant(address string) Variant {
	v := VariantOf(p.Manifest)
	v.URL, v.Size, v.SHA256, v.Digest = address, p.size, p.sha256, p.Digest
	return v
}

var errAltered = errors.New("the archive was changed while it was published")
