package install

import (
	"fmt"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/sdk"
)

// judge decides whether a package's signature, or that it has none, lets it be
// installed. Whose key counts, in this order:
//
//	the lock file knows keys of the publisher   those, and what the person gave with it
//	the package is from a registry              those that the index names for the publisher, and so
//	                                            does the first registry that knows the publisher
//	else                                        the one that the person gave, or says yes to
//
// Of a registry's package the index has to name the key in any case; what the lock
// file names by its hash needs no more than that, or the key of its publisher. What counted
// once is written into the lock file; another key is refused from then on.
func (i *Installer) judge(p *Plan, pkg packages.Package) error {
	p.Signer = Signer{Publisher: pkg.Publisher()}
	lock, err := ReadLock(i.config.Home)
	if err != nil {
		return err
	}
	pinned := lock.Publishers[pkg.Publisher()]
	if pkg.Signature == nil {
		return i.unsigned(p, pinned)
	}
	signature, err := minisign.ParseSignature(pkg.Signature)
	if err != nil {
		return &sdk.Error{Code: sdk.CodeInvalid, Message: "The signature of " + pkg.Name + " cannot be read; fetch the package again", Cause: err}
	}
	p.Signer.KeyID = signature.KeyID()
	key, err := signedBy(pkg, slices.Concat(pinned, p.want.keys, []string{p.options.Key, claimed(pkg.Signature)}))
	if err != nil {
		return err
	}
	p.Signer.Key = key
	return p.trust(pinned)
}

// trust decides about the key that signed.
func (p *Plan) trust(pinned []string) error {
	key, publisher := p.Signer.Key, p.Signer.Publisher
	switch {
	case p.want.vouched && !slices.Contains(p.want.keys, key):
		return sdk.Errorf(sdk.CodeInvalid, "%s is signed with the key %s, which registry %s does not know for %s; tell whoever keeps the registry", p.Name, p.Signer.KeyID, p.Source, publisher)
	case slices.Contains(pinned, key), sameKey(p.options.Key, key):
		return nil
	case len(pinned) > 0:
		return sdk.Errorf(sdk.CodeInvalid, "%s is signed with another key of %s than what is installed: %s. If %s says that this is its new key, install it with --key %s", p.Name, publisher, p.Signer.KeyID, publisher, key)
	case p.want.elder != nil && !slices.Contains(p.want.elder.Publishers[publisher].Keys, key):
		return sdk.Errorf(sdk.CodeInvalid, "%s of registry %s is signed with the key %s, and registry %s, which goes before it, knows others for %s. If %s says that this key is its own, install it with --key %s",
			p.Name, p.Source, p.Signer.KeyID, p.want.elder.Source.Name, publisher, publisher, key)
	}
	p.Signer.New = !p.want.vouched && !p.want.locked // of what is locked the hash vouches
	return nil
}

// unsigned decides about a package that nobody signed.
func (i *Installer) unsigned(p *Plan, pinned []string) error {
	switch {
	case p.Source != sourceFile || p.options.Remote:
		return sdk.Errorf(sdk.CodeInvalid, "%s is not signed, and only files and folders of this machine may be so; ask %s for a signed package", p.Name, p.Signer.Publisher)
	case i.config.Unsigned == RefuseUnsigned:
		return sdk.Errorf(sdk.CodeInvalid, "%s is not signed, and enginebay.yaml says \"unsigned_plugins: refuse\"; have it signed with \"enginebay plugin sign\"", p.Name)
	}
	p.warn("%s is not signed: nobody vouches for what it does", p.Name)
	if len(pinned) > 0 {
		p.warn("What %s signs is known here by its key %s, and this is not signed with it: it may be somebody else's", p.Signer.Publisher, pinned[0])
	}
	return nil
}

func (p *Plan) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

// signedBy is the first of the keys that made the package's signature.
func signedBy(pkg packages.Package, keys []string) (string, error) {
	for _, text := range keys {
		key, err := minisign.ParsePublicKey(text)
		if err == nil && pkg.SignedBy(key) == nil {
			return key.String(), nil
		}
	}
	return "", sdk.Errorf(sdk.CodeInvalid, "%s is not signed with a key that counts for %s, or was changed after that; where you have the publisher's key, give it with --key", pkg.Name, pkg.Publisher())
}

// claimed is the key that a signature says it is of: the one that a person can be
// asked about.
func claimed(signature []byte) string {
	if key, ok := minisign.Claim(signature); ok {
		return key.String()
	}
	return ""
}

func sameKey(a, b string) bool { return strings.TrimSpace(a) == b }
