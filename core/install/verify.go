package install

import (
	"context"
	"maps"
	"slices"

	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/sdk"
)

// A Verdict is what Verify found of one version.
type Verdict struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
	Current bool   `json:"current,omitempty"`
	Files   int    `json:"files"`
	Signed  string `json:"signed,omitempty"` // the key; empty: nobody signed it
	Locked  bool   `json:"locked"`           // the lock file says the same; only of the current version
	Fault   string `json:"fault,omitempty"`  // what is wrong; empty: nothing
}

// Verify reads all files of a plugin's versions, and of all plugins where name is
// empty, and compares them with what was installed, with the signature, and with the
// lock file. What is wrong is in the verdicts, not in the error.
func (i *Installer) Verify(ctx context.Context, name string) ([]Verdict, error) {
	b, err := readBook(i.config.Home)
	if err != nil {
		return nil, err
	}
	lock, err := ReadLock(i.config.Home)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(b.Plugins))
	if name != "" {
		full, _, err := b.find(name)
		if err != nil {
			return nil, err
		}
		names = []string{full}
	}
	var all []Verdict
	for _, full := range names {
		t := b.Plugins[full]
		for _, digest := range t.newest() {
			if ctx.Err() != nil {
				return nil, &sdk.Error{Code: sdk.CodeCanceled, Message: "Verifying was called off", Cause: ctx.Err()}
			}
			all = append(all, i.verify(full, digest, t, lock))
		}
	}
	return all, nil
}

func (i *Installer) verify(name, digest string, t *title, lock Lock) Verdict {
	e := t.Editions[digest]
	v := Verdict{Name: name, Version: e.Version, Digest: digest, Current: digest == t.Current, Signed: e.Key}
	pkg, err := packages.Open(treeDir(i.config.Home, digest))
	v.Files = len(pkg.Files)
	if err == nil {
		err = vouched(pkg, digest, e.Key, lock.Publishers[pkg.Publisher()])
	}
	if v.Current {
		v.Locked = lock.holds(name, digest, pkg.Manifest)
	}
	switch {
	case err != nil:
		v.Fault = err.Error()
	case v.Current && !v.Locked:
		v.Fault = "HOME/" + LockFile + " says something else; \"enginebay plugin install --locked\" follows it"
	}
	return v
}

// vouched says whether a tree is the one that was installed, and its key one that counts.
func vouched(pkg packages.Package, digest, key string, trusted []string) error {
	if pkg.Digest != digest {
		return &packages.Altered{Changed: []string{packages.SumsFile}}
	}
	if key == "" {
		return nil
	}
	public, err := minisign.ParsePublicKey(key)
	if err == nil {
		err = pkg.SignedBy(public)
	}
	if err == nil && len(trusted) > 0 && !slices.Contains(trusted, key) {
		err = sdk.Errorf(sdk.CodeInvalid, "it is signed with the key %s, which HOME/%s does not name for %s any more", public.ID(), LockFile, pkg.Publisher())
	}
	return err
}

// holds says whether the lock names this very package.
func (l Lock) holds(name, digest string, m packages.Manifest) bool {
	locked, ok := l.Plugins[name]
	v, listed := locked.Variants[platformOf(m)]
	return ok && listed && locked.Version == m.Version && (v.Digest == digest || v.Digest == "")
}
