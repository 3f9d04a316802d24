package install

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/sdk"
)

// BookFile is where the host looks, below the home folder, for what is installed. It
// is replaced as a whole: watch it to follow the switches.
const BookFile = "plugins/installed.json"

// A book is the content of installed.json.
type book struct {
	Version int               `json:"version"`
	Lock    string            `json:"lock,omitempty"` // SHA-256 of the lock file that was written together with it
	Plugins map[string]*title `json:"plugins"`        // by full name
}

// A title is one plugin with its editions.
type title struct {
	Current  string              `json:"current"`            // digest of the edition that is used
	Previous string              `json:"previous,omitempty"` // of the one that was used before
	Proven   string              `json:"proven,omitempty"`   // of the one that came up last in a server
	Pinned   bool                `json:"pinned,omitempty"`
	Editions map[string]*edition `json:"versions"`          // by digest
	Refused  map[string]refusal  `json:"refused,omitempty"` // by digest: what did not come up
}

// An edition is one package in the store.
type edition struct {
	Version   string     `json:"version"`
	Variant   string     `json:"variant,omitempty"`
	Wanted    bool       `json:"wanted,omitempty"` // the variant was asked for by its name; upgrades stay with it
	Kinds     []sdk.Kind `json:"kinds"`
	Key       string     `json:"key,omitempty"` // that signed it; empty where nobody did
	Size      int64      `json:"size"`
	Installed time.Time  `json:"installed"`
	Locked    Locked     `json:"locked"` // what the lock file says while it is current
}

// A refusal is why an edition did not come up.
type refusal struct {
	Version string    `json:"version"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
}

// readBook reads installed.json; an empty one where there is none.
func readBook(home string) (book, error) {
	b := book{Version: 1}
	err := readJSON(filepath.Join(home, BookFile), &b)
	if b.Plugins == nil {
		b.Plugins = map[string]*title{}
	}
	if err == nil {
		err = b.check()
	}
	if err != nil {
		return b, &sdk.Error{Code: sdk.CodeInvalid, Cause: err,
			Message: "What is installed cannot be read: mend HOME/" + BookFile + ", or remove it and install the plugins of the lock file again with \"enginebay plugin install --locked\""}
	}
	return b, nil
}

// check refuses what would lead out of the store.
func (b book) check() error {
	if b.Version != 1 {
		return fmt.Errorf("it has version %d, and this core reads 1", b.Version)
	}
	for name, t := range b.Plugins {
		if !fullName.MatchString(name) || t == nil {
			return fmt.Errorf("%q is no plugin", name)
		}
		for digest, e := range t.Editions {
			if !packages.IsDigest(digest) || e == nil {
				return fmt.Errorf("%s: %q is no digest of a package", name, digest)
			}
		}
		if t.Editions[t.Current] == nil || t.Previous != "" && t.Editions[t.Previous] == nil || t.Proven != "" && t.Editions[t.Proven] == nil {
			return fmt.Errorf("%s: its current, previous or proven version is not among its versions", name)
		}
	}
	return nil
}

// switchTo makes an edition the current one.
func (t *title) switchTo(digest string) {
	if t.Current != digest {
		t.Previous, t.Current = t.Current, digest
	}
	delete(t.Refused, digest)
}

// newest are the digests of a title's editions, by rising age of their versions.
func (t *title) newest() []string {
	return slices.SortedFunc(maps.Keys(t.Editions), func(a, b string) int {
		return cmp.Or(packages.CompareVersions(t.Editions[b].Version, t.Editions[a].Version), t.Editions[b].Installed.Compare(t.Editions[a].Installed))
	})
}

// digests are all that the book holds on to.
func (b book) digests() map[string]bool {
	all := map[string]bool{}
	for _, t := range b.Plugins {
		for digest := range t.Editions {
			all[digest] = true
		}
	}
	return all
}

// find is the full name of a plugin that is installed, by that or by its short name.
func (b book) find(name string) (string, *title, error) {
	for full, t := range b.Plugins {
		if name == full || name == path.Base(full) {
			return full, t, nil
		}
	}
	has := "none is"
	if len(b.Plugins) > 0 {
		has = "installed are " + strings.Join(slices.Sorted(maps.Keys(b.Plugins)), ", ")
	}
	return "", nil, sdk.Errorf(sdk.CodeNotFound, "No plugin %q is installed; %s", name, has)
}

func readJSON(file string, v any) error {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}
