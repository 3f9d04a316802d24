package install

import (
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"
)

var (
	fullName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*$`)
	sum256   = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func isHex(sum string) bool { return sum256.MatchString(sum) }

func parseVersion(text string) (*semver.Version, error) { return semver.StrictNewVersion(text) }

// compareVersions is by semantic versioning; what is no version is older than all.
func compareVersions(a, b string) int {
	va, erra := parseVersion(a)
	vb, errb := parseVersion(b)
	switch {
	case erra != nil && errb != nil:
		return strings.Compare(a, b)
	case erra != nil:
		return -1
	case errb != nil:
		return 1
	}
	return va.Compare(vb)
}
