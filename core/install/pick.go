package install

import (
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// A pick is the search for the version of a plugin.
type pick struct {
	ref
	variant string            // wanted
	refused map[string]string // why packages did not come up here, by digest; upgrades pass them over
	core    string
	machine registry.Machine
}

// A picked version is the newest that is right.
type picked struct {
	number string
	registry.Version
	choice registry.Choice
	passed []Passed
}

// from finds the version: the newest that is asked for, was not yanked, and fits this
// core and machine.
func (k pick) from(name string, p registry.Plugin) (picked, error) {
	asked, err := k.versions()
	if err != nil {
		return picked{}, err
	}
	var found picked
	for _, number := range p.NewestFirst() {
		v := p.Versions[number]
		reason, ok := k.judge(asked, number, v)
		if !ok {
			continue // nobody asked for it
		}
		choice, err := registry.Choose(v.Variants, k.machine, k.variant)
		switch why := k.refused[choice.Chosen.Digest]; {
		case reason != "":
		case err != nil:
			reason = "does not run here: " + err.Error()
		case why != "" && !k.exact():
			reason = "did not come up here: " + why
		default:
			found.number, found.Version, found.choice = number, v, choice
			return found, nil
		}
		found.passed = append(found.passed, Passed{number, reason})
	}
	return found, k.none(name, p, found.passed)
}

// beyond tells of a newer version than the one that is found, where the range that was
// asked for is why it is not taken.
func (k pick) beyond(o offer, found string) string {
	asked := k.constraint
	k.constraint = ""
	newest, err := k.from(o.name, o.plugin)
	if asked == "" || err != nil || packages.CompareVersions(newest.number, found) <= 0 {
		return ""
	}
	return fmt.Sprintf(" with %s; there is %s: enginebay plugin install %s", asked, newest.number, o.name)
}

// judge says why a version that is asked for is not taken, whatever the machine has;
// ok is false where it is not asked for.
func (k pick) judge(asked *semver.Constraints, number string, v registry.Version) (reason string, ok bool) {
	parsed, err := semver.StrictNewVersion(number)
	switch {
	case err != nil, asked != nil && !asked.Check(parsed):
		return "", false
	case asked == nil && parsed.Prerelease() != "":
		return fmt.Sprintf("is a preview; ask for it by NAME@%s", number), true
	case v.Yanked != "" && !k.exact():
		return "is yanked: " + v.Yanked, true
	case len(v.Protocol) > 0 && !slices.Contains(v.Protocol, sdk.ProtocolVersion):
		return fmt.Sprintf("speaks protocol %v, and this core speaks %d", v.Protocol, sdk.ProtocolVersion), true
	case !packages.CoreFits(v.Core, k.core):
		return fmt.Sprintf("works with Engine Bay %s, and this is %s", v.Core, k.core), true
	}
	return "", true
}

// none is the error where no version is right.
func (k pick) none(name string, p registry.Plugin, passed []Passed) error {
	if len(passed) == 0 {
		versions := p.NewestFirst()
		return sdk.Errorf(sdk.CodeNotFound, "%s has no version %s; there are %s", name, k.constraint, strings.Join(versions[:min(len(versions), 10)], ", "))
	}
	const most = 5
	text := ""
	for _, v := range passed[:min(len(passed), most)] {
		text += fmt.Sprintf("; %s %s", v.Version, v.Reason)
	}
	return sdk.Errorf(sdk.CodeUnsupported, "No version of %s can be installed here%s", name, text)
}
