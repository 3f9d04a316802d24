package install

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// LockFile is the lock file's name in the home folder. It is made to be kept with
// an application and to be copied to other machines: "install --locked" brings there
// what it says, and nothing else.
const LockFile = "plugins.lock.json"

// A Lock is the content of plugins.lock.json.
type Lock struct {
	Version    int                 `json:"version"`
	Publishers map[string][]string `json:"publishers"` // keys that count for what they publish
	Plugins    map[string]Locked   `json:"plugins"`    // by full name
}

// Locked is one plugin of a lock file: one version, with its packages for every platform.
type Locked struct {
	Version    string                   `json:"version"`
	Constraint string                   `json:"constraint,omitempty"` // what was asked for, and upgrades keep to: "^1"
	Source     string                   `json:"source"`               // a registry's name, "oci://…", "https://…", or "file"
	Variants   map[string]LockedVariant `json:"variants"`             // by "OS/ARCH/VARIANT"
}

// A LockedVariant is one package, by its hashes.
type LockedVariant struct {
	Digest   string            `json:"digest,omitempty"` // of the package: "sha256:…"; empty where only the archive's is known
	SHA256   string            `json:"sha256,omitempty"` // of the archive, hexadecimal; empty for a folder
	URL      string            `json:"url,omitempty"`    // where it was found: an address, or a path
	Size     int64             `json:"size,omitempty"`   // of the archive, in bytes
	Requires packages.Requires `json:"requires,omitzero"`
}

// ReadLock reads a home's lock file; an empty one where there is none.
func ReadLock(home string) (Lock, error) {
	l := Lock{Version: 1}
	err := readJSON(filepath.Join(home, LockFile), &l)
	if l.Plugins == nil {
		l.Plugins = map[string]Locked{}
	}
	if l.Publishers == nil {
		l.Publishers = map[string][]string{}
	}
	if err == nil {
		err = l.check()
	}
	if err != nil {
		return l, &sdk.Error{Code: sdk.CodeInvalid, Cause: err, Message: "HOME/" + LockFile + " cannot be read; mend it, or fetch it again from where it is kept"}
	}
	return l, nil
}

// check refuses a lock that would not hold: one without hashes.
func (l Lock) check() error {
	if l.Version != 1 {
		return fmt.Errorf("it has version %d, and this core reads 1", l.Version)
	}
	for name, p := range l.Plugins {
		if !fullName.MatchString(name) {
			return fmt.Errorf("%q is no plugin", name)
		}
		if _, err := semver.StrictNewVersion(p.Version); err != nil {
			return fmt.Errorf("%s: %q is no version", name, p.Version)
		}
		for platform, v := range p.Variants {
			if !packages.IsDigest(v.Digest) && v.Digest != "" || !isHex(v.SHA256) && v.SHA256 != "" || v.Digest+v.SHA256 == "" {
				return fmt.Errorf("%s for %s has no hash, or none that is SHA-256", name, platform)
			}
		}
	}
	return nil
}

// lockedVariants are those of a version in an index, as the lock file has them.
func lockedVariants(all []registry.Variant) map[string]LockedVariant {
	locked := map[string]LockedVariant{}
	for _, v := range all {
		locked[v.Platform()] = LockedVariant{Digest: v.Digest, SHA256: v.SHA256, URL: v.URL, Size: v.Size, Requires: v.Requires}
	}
	return locked
}

// variants are the packages of a locked version, to choose from.
func (l Locked) variants() []registry.Variant {
	var all []registry.Variant
	for _, platform := range slices.Sorted(maps.Keys(l.Variants)) {
		v := l.Variants[platform]
		parts := append(strings.SplitN(platform, "/", 3), "", "")
		all = append(all, registry.Variant{OS: unlessAny(parts[0]), Arch: unlessAny(parts[1]), Variant: parts[2],
			Digest: v.Digest, SHA256: v.SHA256, URL: v.URL, Size: v.Size, Requires: v.Requires})
	}
	return all
}

func unlessAny(name string) string {
	if name == "any" {
		return ""
	}
	return name
}

// differs says where two locked plugins of the same version have other bytes under
// one platform.
func (l Locked) differs(other Locked) (platform string) {
	if l.Version != other.Version {
		return ""
	}
	for _, platform := range slices.Sorted(maps.Keys(l.Variants)) {
		a, b := l.Variants[platform], other.Variants[platform]
		if a.Digest != "" && b.Digest != "" && a.Digest != b.Digest || a.Digest+b.Digest == "" && a.SHA256 != b.SHA256 && b.SHA256 != "" {
			return platform
		}
	}
	return ""
}

// with are the variants of l, and those that an earlier lock of the same version
// knew beside them: a package that is had by its address is one platform's only.
func (l Locked) with(earlier Locked) Locked {
	if l.Version != earlier.Version || l.Source != earlier.Source && !(isAddress(l.Source) && isAddress(earlier.Source)) {
		return l
	}
	all := maps.Clone(earlier.Variants)
	if all == nil {
		all = map[string]LockedVariant{}
	}
	maps.Copy(all, l.Variants)
	l.Variants = all
	return l
}

func isAddress(source string) bool {
	return strings.HasPrefix(source, "https://") || strings.HasPrefix(source, "http://")
}

func (l Lock) text() ([]byte, error) { return pretty(l) }

// pretty is how people find a file that they look at and compare: indented, its keys
// in order.
func pretty(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	return append(data, '\n'), err
}
