package packages

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/enginebay/enginebay/core/durable"
	"github.com/enginebay/enginebay/core/minisign"
)

// ErrUnsigned is the error of a package that nobody has signed.
var ErrUnsigned = errors.New("the package is not signed")

// SignedBy says whether one of the keys has signed this package. [ErrUnsigned]:
// nobody has; [minisign.ErrOtherKey]: somebody else has.
func (p Package) SignedBy(keys ...minisign.PublicKey) error {
	if p.Signature == nil {
		return ErrUnsigned
	}
	err := error(minisign.ErrOtherKey)
	for _, key := range keys {
		var comment string
		comment, err = key.Verify(p.sums, p.Signature)
		if errors.Is(err, minisign.ErrOtherKey) {
			continue
		}
		if err == nil && comment != p.comment() {
			err = fmt.Errorf("the signature is for %.100q, and not for %q", comment, p.comment())
		}
		break
	}
	if err != nil {
		return fmt.Errorf("%s of plugin %s: %w", SignatureFile, p.Name, err)
	}
	return nil
}

// comment is what is signed with SHA256SUMS, so that people see of what it is.
func (p Package) comment() string { return "enginebay plugin " + p.Name + " " + p.Version }

// Sign signs the package in a folder. A signature that was there is replaced.
func Sign(dir string, key minisign.SecretKey) (Package, error) {
	p, err := Open(dir)
	if err != nil {
		return Package{}, err
	}
	if p.Signature, err = key.Sign(p.sums, p.comment()); err != nil {
		return Package{}, err
	}
	return p, durable.Replace(filepath.Join(dir, SignatureFile), p.Signature, 0o644)
}
