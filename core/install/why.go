package install

import (
	"cmp"
	"context"
	"strings"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// A Why says how the version and the variant of a plugin come about.
type Why struct {
	Name      string           `json:"name"`
	Installed string           `json:"installed,omitempty"` // current version
	Variant   string           `json:"variant,omitempty"`   // of that
	Source    string           `json:"source"`
	Chosen    string           `json:"chosen,omitempty"` // version that an install would take now; empty: none
	Machine   registry.Machine `json:"machine"`
	Variants  []Considered     `json:"variants"`        // of that version, the better the earlier
	Passed    []Passed         `json:"passed"`          // newer versions that are not taken
	Fault     string           `json:"fault,omitempty"` // why none is
	Warnings  []string         `json:"warnings,omitempty"`
}

// A Considered is one variant, and what was thought of it.
type Considered struct {
	Variant string `json:"variant"` // "linux/amd64/cuda12"
	Fits    bool   `json:"fits"`
	Chosen  bool   `json:"chosen"`
	Reason  string `json:"reason"`
}

// Why explains the choice of a version and a variant for NAME or NAME@CONSTRAINT: by
// the registries, or by the lock file where no registry has the plugin.
func (i *Installer) Why(ctx context.Context, text string, o Options) (Why, error) {
	r, err := readRef(text)
	if err != nil {
		return Why{}, err
	}
	if r.kind != byName {
		return Why{}, sdk.Errorf(sdk.CodeInvalid, "Name a plugin, as in \"enginebay plugin why llamacpp\"; of an address or a file there is nothing to choose")
	}
	b, err := readBook(i.config.Home)
	if err != nil {
		return Why{}, err
	}
	w := Why{Machine: i.config.Machine()}
	full, t, here := b.find(r.name)
	if here == nil {
		current := t.Editions[t.Current]
		w.Name, w.Installed, w.Variant, w.Source = full, current.Version, cmp.Or(current.Variant, packages.DefaultVariant), current.Locked.Source
		r.constraint = cmp.Or(r.constraint, current.Locked.Constraint)
	}
	err = w.choose(ctx, i, r, o)
	if err != nil && here == nil && !isName(w.Source) {
		l := t.Editions[t.Current].Locked
		w.Chosen = l.Version
		choice, _ := registry.Choose(l.variants(), w.Machine, o.Variant)
		w.consider(choice)
		return w, nil
	}
	return w, err
}

// choose asks the registries. That no version is right is no error here, but the answer.
func (w *Why) choose(ctx context.Context, i *Installer, r ref, o Options) error {
	from, warnings, err := i.offer(ctx, r.name)
	if err != nil {
		return err
	}
	w.Name, w.Source, w.Warnings = from.name, cmp.Or(w.Source, from.from.Source.Name), warnings
	k := pick{ref: r, variant: o.Variant, core: i.config.Core, machine: w.Machine}
	if k.refused, err = i.refused(from.name); err != nil {
		return err
	}
	found, err := k.from(from.name, from.plugin)
	w.Chosen, w.Passed = found.number, found.passed
	w.consider(found.choice)
	if err != nil {
		w.Fault = err.Error()
	}
	return nil
}

func (w *Why) consider(c registry.Choice) {
	for _, v := range c.Verdicts {
		w.Variants = append(w.Variants, Considered{v.Platform(), v.Fits, v.Chosen, strings.TrimSpace(v.Reason)})
	}
}
