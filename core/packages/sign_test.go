package packages_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/packages"
)

func newKey(t testing.TB) minisign.SecretKey {
	t.Helper()
	k, err := minisign.GenerateKey()
	must(t, err)
	return k
}

func TestSignedBy(t *testing.T) {
	t.Parallel()
	dir, key, other := tree(t, thing()), newKey(t), newKey(t)
	unsigned := seal(t, dir)
	if err := unsigned.SignedBy(key.Public()); !errors.Is(err, packages.ErrUnsigned) {
		t.Errorf("unsigned: %v", err)
	}
	_, err := packages.Sign(dir, key)
	must(t, err)
	p, err := packages.Open(dir)
	must(t, err)
	if p.Digest != unsigned.Digest {
		t.Error("signing changes the digest")
	}
	must(t, p.SignedBy(other.Public(), key.Public()))
	for _, keys := range [][]minisign.PublicKey{nil, {other.Public()}} {
		if err := p.SignedBy(keys...); !errors.Is(err, minisign.ErrOtherKey) {
			t.Errorf("other keys: %v", err)
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "README.md"), []byte("# Other\n"), 0o644))
	if again := seal(t, dir); again.Signature != nil {
		t.Error("another tree keeps the signature")
	}
}

// A signature is for one package: not for another of the same publisher, nor for
// another version of it, nor for whatever else the key has signed.
func TestASignatureOfSomethingElse(t *testing.T) {
	t.Parallel()
	key, dir := newKey(t), tree(t, thing())
	_ = seal(t, dir)
	files := thing()
	files["plugin.json"] = strings.Replace(manifest, "1.2.3", "1.2.4", 1)
	newer := tree(t, files)
	seal(t, newer)
	_, err := packages.Sign(newer, key)
	must(t, err)
	foreign, err := os.ReadFile(filepath.Join(newer, packages.SignatureFile))
	must(t, err)
	sums, err := os.ReadFile(filepath.Join(dir, packages.SumsFile))
	must(t, err)
	misnamed, err := key.Sign(sums, "enginebay plugin me/thing 1.2.4")
	must(t, err)
	for want, sig := range map[string][]byte{"what was signed has changed": foreign, `is for "enginebay plugin me/thing 1.2.4", and not for "enginebay plugin me/thing 1.2.3"`: misnamed, "no signature of minisign": []byte("x")} {
		must(t, os.WriteFile(filepath.Join(dir, packages.SignatureFile), sig, 0o644))
		p, err := packages.Open(dir)
		must(t, err)
		says(t, p.SignedBy(key.Public()), want)
	}
}
