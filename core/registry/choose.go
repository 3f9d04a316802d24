package registry

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/sdk"
)

// A Choice is the variant that is installed on a machine, and what was thought of
// each.
type Choice struct {
	Chosen   Variant
	Warning  string    // where a variant was asked for that does not fit
	Verdicts []Verdict // what fits comes first, the better the earlier
}

// A Verdict is what was thought of one variant.
type Verdict struct {
	Variant
	Fits   bool
	Chosen bool
	Reason string // for people: "uses cuda (driver 550.54)"
}

// Choose finds the variant for a machine: one that uses an accelerator goes before
// one that uses none, and the maker's own way before Vulkan; then one for newer
// drivers, for more of the processor's instructions, the "default", and the first by
// name. A variant that is wanted by its name is chosen where its platform fits, with
// a warning where the machine lacks something, for a probe may be wrong.
//
// Without one to choose the error has [sdk.CodeUnsupported] and says of each why; the
// Choice has the verdicts all the same.
func Choose(variants []Variant, m Machine, want string) (Choice, error) {
	var c Choice
	for _, v := range variants {
		lack := m.lacks(v)
		c.Verdicts = append(c.Verdicts, Verdict{Variant: v, Fits: lack == "", Reason: cmp.Or(lack, m.uses(v))})
	}
	slices.SortStableFunc(c.Verdicts, func(a, b Verdict) int {
		order, _ := before(a.Variant, b.Variant)
		return cmp.Or(-compareBool(a.Fits, b.Fits), order)
	})
	i := slices.IndexFunc(c.Verdicts, func(v Verdict) bool { return v.Fits && want == "" || v.Label() == want && m.is(v.Variant) })
	if i < 0 {
		return c, unsuited(c.Verdicts, m, want)
	}
	c.take(i)
	return c, nil
}

// take chooses one, and tells the others that fit what goes before them.
func (c *Choice) take(i int) {
	chosen := &c.Verdicts[i]
	chosen.Chosen, c.Chosen = true, chosen.Variant
	if !chosen.Fits {
		c.Warning = fmt.Sprintf("variant %s was asked for, but it %s", chosen.Label(), chosen.Reason)
	}
	for j := range c.Verdicts {
		other := &c.Verdicts[j]
		if j == i || !other.Fits {
			continue
		}
		order, why := before(chosen.Variant, other.Variant)
		if order > 0 {
			why = "was asked for"
		}
		other.Reason = fmt.Sprintf("%s; %s goes before it: it %s", other.Reason, chosen.Label(), why)
	}
}

// unsuited is the error where there is nothing to choose.
func unsuited(verdicts []Verdict, m Machine, want string) error {
	var said []string
	for _, v := range verdicts {
		said = append(said, v.Platform()+" "+v.Reason)
	}
	const most = 12
	if more := len(said) - most; more > 0 {
		said = append(said[:most], fmt.Sprintf("and %d more", more))
	}
	what := "there is no variant for this machine"
	if want != "" {
		what = fmt.Sprintf("there is no variant %.64q for this machine", want)
	}
	return sdk.Errorf(sdk.CodeUnsupported, "%s (%s/%s): %s", what, m.OS, m.Arch, cmp.Or(strings.Join(said, "; "), "the version has none at all"))
}

// before compares two variants that fit; why says what the better one has.
func before(a, b Variant) (order int, why string) {
	for _, by := range []struct {
		order int
		why   string
	}{
		{cmp.Compare(rank(a), rank(b)), "uses " + a.Requires.Accelerator},
		{-compareVersions(least(a.Requires.Driver), least(b.Requires.Driver)), "is for newer drivers"},
		{-cmp.Compare(len(a.Requires.CPU), len(b.Requires.CPU)), "uses more of the processor's instructions"},
		{compareBool(a.Label() != packages.DefaultVariant, b.Label() != packages.DefaultVariant), "is the default"},
		{cmp.Compare(a.Platform(), b.Platform()), "comes first by name"},
	} {
		if by.order != 0 {
			return by.order, by.why
		}
	}
	return 0, "comes first in the list"
}

// rank of an accelerator: what the maker of the card has made for it, what works on
// all cards, none.
func rank(v Variant) int {
	switch v.Requires.Accelerator {
	case "":
		return 2
	case "vulkan":
		return 1
	}
	return 0
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
