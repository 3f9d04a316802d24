package install

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// A ref is what a person types to name what is to be installed.
type ref struct {
	kind       refKind
	text       string // as it was typed
	name       string // of a plugin, full or short
	constraint string // versions of it; empty is any
	address    string // of an archive or artifact
	path       string // of a file or folder, absolute
}

type refKind int

const (
	byName refKind = iota
	byOCI
	byAddress
	byPath
)

var (
	nameRef = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*/)?[a-z0-9][a-z0-9-]*$`)
	drive   = regexp.MustCompile(`^[A-Za-z]:[\\/]`)
)

// readRef reads a ref. A name is a name, also where a folder of that name lies in the
// working directory: that is written ./NAME.
func readRef(text string) (ref, error) {
	r := ref{text: text}
	name, constraint, _ := strings.Cut(text, "@")
	switch {
	case strings.HasPrefix(text, "oci://"):
		r.kind, r.address = byOCI, text
	case strings.HasPrefix(text, "https://"), strings.HasPrefix(text, "http://"):
		r.kind, r.address = byAddress, text
	case nameRef.MatchString(name):
		if constraint == "latest" {
			constraint = ""
		}
		r.kind, r.name, r.constraint = byName, name, constraint
		if _, err := r.versions(); err != nil {
			return r, err
		}
	case isPath(text):
		path, err := store.ExpandHome(text)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return r, err
		}
		r.kind, r.path = byPath, path
	default:
		return r, sdk.Errorf(sdk.CodeInvalid, "%.200q names no plugin: give NAME, PUBLISHER/NAME or either with @VERSION, oci://…, https://…, or the path of a file or folder as in ./%s", text, filepath.Clean(text))
	}
	return r, nil
}

func isPath(text string) bool {
	return strings.HasPrefix(text, ".") || strings.HasPrefix(text, "/") || strings.HasPrefix(text, "~") || drive.MatchString(text) ||
		strings.HasSuffix(text, packages.Extension) || filepath.Separator != '/' && strings.ContainsRune(text, filepath.Separator)
}

// versions are those that are asked for; nil is any but previews.
func (r ref) versions() (*semver.Constraints, error) {
	if r.constraint == "" {
		return nil, nil
	}
	c, err := semver.NewConstraint(r.constraint)
	if err != nil {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%.100q is no range of versions; write it as in %s@1.2.0, %s@^1 or %s@\">=1.2 <2\"", r.constraint, r.name, r.name, r.name)
	}
	return c, nil
}

// exact says whether one very version is asked for.
func (r ref) exact() bool {
	_, err := semver.StrictNewVersion(strings.TrimPrefix(r.constraint, "="))
	return err == nil
}
