package packages

import (
	"cmp"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/enginebay/enginebay/sdk"
)

// Incompatible is the error of a package that is whole, and not for this machine
// or this core.
type Incompatible struct {
	Plugin string // its full name
	Reason string // "is built for linux/arm64, and this machine is linux/amd64"
}

func (e *Incompatible) Error() string { return fmt.Sprintf("plugin %s %s", e.Plugin, e.Reason) }

// Fits says whether the plugin can run on this machine under a core of this
// version. The error is [*Incompatible]. What a variant requires of the machine's
// hardware is not looked at.
func (m Manifest) Fits(core string) error {
	refuse := func(format string, args ...any) error { return &Incompatible{m.Name, fmt.Sprintf(format, args...)} }
	switch {
	case len(m.Protocol) > 0 && !slices.Contains(m.Protocol, sdk.ProtocolVersion):
		return refuse("speaks protocol %v, and this core speaks %d; install a version that fits", m.Protocol, sdk.ProtocolVersion)
	case !m.Platform.Is(runtime.GOOS, runtime.GOARCH):
		return refuse("is built for %s, and this machine is %s/%s; install the package for it", m.Platform, runtime.GOOS, runtime.GOARCH)
	case !CoreFits(m.Core, core):
		return refuse("works with Engine Bay %s, and this is %s; install a version that fits", m.Core, core)
	}
	return nil
}

// Is says whether p names this machine, or any.
func (p Platform) Is(os, arch string) bool {
	return (p.OS == "" || p.OS == os) && (p.Arch == "" || p.Arch == arch)
}

// String is the platform as in "linux/amd64".
func (p Platform) String() string { return cmp.Or(p.OS, "any") + "/" + cmp.Or(p.Arch, "any") }

// CompareVersions compares two versions of a plugin by semantic versioning; what is
// none is older than all that are.
func CompareVersions(a, b string) int {
	x, errX := semver.StrictNewVersion(a)
	y, errY := semver.StrictNewVersion(b)
	switch {
	case errX != nil && errY != nil:
		return strings.Compare(a, b)
	case errX != nil:
		return -1
	case errY != nil:
		return 1
	}
	return x.Compare(y)
}

// described is a version as git describe makes it: so many commits after a release.
var described = regexp.MustCompile(`-[0-9]+-g[0-9a-f]+(-dirty)?$|-dirty$`)

// CoreFits says whether a core's version is in a range; an empty range is all. What
// is built from a working tree counts as any of the releases that it may be on the
// way to, and one that no release is known of ("dev", a commit) as all. The release
// that a preview goes before counts for it.
func CoreFits(versions, core string) bool {
	if versions == "" {
		return true
	}
	constraint, err := semver.NewConstraint(versions)
	if err != nil {
		return false
	}
	release := described.ReplaceAllString(core, "")
	v, err := semver.NewVersion(release)
	if err != nil || !strings.Contains(release, ".") { // a commit may be all digits
		return true
	}
	next := v.IncPatch() // of a preview: the release itself
	if v.Prerelease() != "" {
		v = &next
	}
	if constraint.Check(v) || release == core {
		return constraint.Check(v)
	}
	patch, minor, major := v.IncPatch(), v.IncMinor(), v.IncMajor()
	return constraint.Check(&patch) || constraint.Check(&minor) || constraint.Check(&major)
}
