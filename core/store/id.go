package store

import (
	"path"
	"regexp"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// odd are the letters that an id may not have.
var odd = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// Sanitized is the id that a path below the models folder has, in forward slashes:
// what an id may not hold becomes a hyphen.
func Sanitized(rel string) string {
	parts := strings.Split(rel, "/")
	for i, part := range parts {
		part = odd.ReplaceAllString(part, "-")
		if part == "" || part[0] == '.' {
			part = "-" + part
		}
		parts[i] = part
	}
	return strings.Join(parts, "/")
}

// NewID is the id that a model would have if its first source lay in the models
// folder; empty where the source has no name.
func NewID(m sdk.Manifest) string {
	if len(m.Sources) == 0 || m.Sources[0].Filename == "" {
		return ""
	}
	return Sanitized(stem(path.Base(m.Sources[0].Filename)))
}

// ValidID says whether id could name a model: segments of letters, digits, '.',
// '_' and '-', none of them empty or with a '.' in front, as hidden folders have.
func ValidID(id string) bool {
	if id == "" || len(id) > 512 {
		return false
	}
	for part := range strings.SplitSeq(id, "/") {
		if part == "" || part[0] == '.' || odd.MatchString(part) {
			return false
		}
	}
	return true
}
