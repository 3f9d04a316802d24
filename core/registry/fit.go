package registry

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/enginebay/enginebay/core/packages"
)

// is says whether the machine is of a variant's platform.
func (m Machine) is(v Variant) bool {
	return packages.Platform{OS: v.OS, Arch: v.Arch}.Is(m.OS, m.Arch)
}

// lacks says what a variant asks for that the machine does not have; empty where it
// fits.
func (m Machine) lacks(v Variant) string {
	if !m.is(v) {
		return fmt.Sprintf("is for %s/%s", cmp.Or(v.OS, "any system"), cmp.Or(v.Arch, "any processor"))
	}
	r := v.Requires
	if kind := r.Accelerator; kind != "" {
		driver, ok := m.Accelerators[kind]
		if !ok {
			return fmt.Sprintf("needs %s, which was not found on this machine", kind)
		}
		if lack := lacksVersion(r.Driver, driver); lack != "" {
			return fmt.Sprintf("needs a driver for %s %s", kind, lack)
		}
	}
	if missing := m.missing(r.CPU); len(missing) > 0 {
		return fmt.Sprintf("needs a processor with %s", strings.Join(missing, ", "))
	}
	if lack := lacksVersion(r.Glibc, m.Glibc); lack != "" {
		return "needs glibc " + lack
	}
	return ""
}

// missing are the instructions that the processor does not have.
func (m Machine) missing(wanted []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return slices.Contains(m.CPU, name) })
}

// uses says what of the machine a variant that fits makes use of.
func (m Machine) uses(v Variant) string {
	var parts []string
	if kind := v.Requires.Accelerator; kind != "" {
		driver := m.Accelerators[kind]
		if driver != "" {
			driver = " (driver " + driver + ")"
		}
		parts = append(parts, kind+driver)
	}
	parts = append(parts, v.Requires.CPU...)
	if len(parts) == 0 {
		return "runs on any " + cmp.Or(v.OS, "system") + "/" + cmp.Or(v.Arch, "processor")
	}
	return "uses " + strings.Join(parts, ", ")
}

// lacksVersion says how a version is not what is wanted; empty where it is.
func lacksVersion(wanted, has string) string {
	if wanted == "" {
		return ""
	}
	constraint, err := semver.NewConstraint(wanted)
	if err != nil {
		return fmt.Sprintf("%.40q, which is no range of versions", wanted)
	}
	v := version(has)
	switch {
	case v == nil:
		return wanted + ", and none, or none of a known version, was found"
	case !constraint.Check(v):
		return wanted + ", and this machine has " + has
	}
	return ""
}

var numbers = regexp.MustCompile(`^v?([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?`)

// version reads what drivers call their versions: "550.54", "1.3.289", "535.183.01".
// nil is none.
func version(text string) *semver.Version {
	m := numbers.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	var part [3]uint64
	for i := range part {
		_, _ = fmt.Sscanf(m[i+1], "%d", &part[i]) // what is not there is 0
	}
	return semver.New(part[0], part[1], part[2], "", "")
}

var lowest = regexp.MustCompile(`(?:>=?|=|\^|~|^)\s*(v?[0-9][0-9.]*)`)

// least is the lowest version that a constraint names; nil where it names none.
func least(constraint string) *semver.Version {
	if m := lowest.FindStringSubmatch(constraint); m != nil {
		return version(m[1])
	}
	return nil
}

// compareVersions has nil before all others.
func compareVersions(a, b *semver.Version) int {
	switch {
	case a == nil || b == nil:
		return compareBool(a != nil, b != nil)
	}
	return a.Compare(b)
}
