package registry

import (
	"context"
	"crypto/sha256"
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
	archive packages.Archive
	path    string
}

// unpack reads archives as whoever installs them will: unpacked, and checked to the last
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
	dir, err := os.MkdirTemp("", "enginebay-publish-*")
	if err != nil {
		return packed{}, err
	}
	defer os.RemoveAll(dir)
	pkg, archive, err := packages.UnpackFile(ctx, path, dir)
	if err != nil {
		return packed{}, err
	}
	if pkg.Signature == nil {
		return packed{}, fmt.Errorf("%w; sign it with \"enginebay plugin sign\" first", packages.ErrUnsigned)
	}
	return packed{pkg, archive, path}, nil
}

// reopen opens the archive again to send or copy it; what was changed since is found at
// its end.
func (p packed) reopen() (io.ReadCloser, error) {
	file, err := os.Open(p.path)
	if err != nil {
		return nil, err
	}
	return &verified{File: file, hash: sha256.New(), want: p.archive.SHA256}, nil
}

// variant is what a registry says of the archive at an address.
func (p packed) variant(address string) Variant {
	v := VariantOf(p.Manifest)
	v.URL, v.Size, v.SHA256, v.Digest = address, p.archive.Size, p.archive.SHA256, p.Digest
	return v
}

var errAltered = errors.New("the archive was changed while it was published")
