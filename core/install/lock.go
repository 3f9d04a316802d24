package install

import (
	"encoding/json"
	"fmt"
	"path/filepath"

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
	Digest string `json:"digest,omitempty"` // of the package: "sha256:…"; empty where only the archive's is known
	SHA256 string `json:"sha256,omitempty"` // of the archive, hexadecimal; empty for a folder
	URL    string `json:"url,omitempty"`    // where it was found: an address, or a path
	Size   int64  `json:"size,omitempty"`   // of the archive, in bytes
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
		if _, err := parseVersion(p.Version); err != nil {
			return fmt.Errorf("%s: %q is no version", name, p.Version)
		}
		for platform, v := range p.Variants {
			if !isDigest(v.Digest) && v.Digest != "" || !isHex(v.SHA256) && v.SHA256 != "" || v.Digest+v.SHA256 == "" {
				return fmt.Errorf("%s for %s has no hash, or none that is SHA-256", name, platform)
			}
		}
	}
	return nil
}

func (l Lock) text() ([]byte, error) { return pretty(l) }

// pretty is how people find a file that they look at and compare: indented, its keys
// in order.
func pretty(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	return append(data, '\n'), err
}
