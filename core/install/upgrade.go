package install

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// A Kept is a plugin that an upgrade leaves as it is.
type Kept struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Reason  string `json:"reason"` // "is pinned"
}

// Upgrades plans the upgrade of the named plugins, or of all: to the newest version
// that the constraint which they were installed with allows. What needs nothing, and
// what cannot or must not be upgraded, is in kept. The plans have to be closed. An
// error is of a name that is not installed, or of all registries.
func (i *Installer) Upgrades(ctx context.Context, names []string, o Options) (plans []*Plan, kept []Kept, err error) {
	b, err := readBook(i.config.Home)
	if err != nil {
		return nil, nil, err
	}
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(b.Plugins))
	}
	for _, name := range names {
		full, t, err := b.find(name)
		if err != nil {
			return nil, nil, err
		}
		p, reason := i.upgrade(ctx, full, t, o)
		if reason != "" {
			kept = append(kept, Kept{full, t.Editions[t.Current].Version, reason})
		} else {
			plans = append(plans, p)
		}
	}
	return plans, kept, nil
}

// upgrade plans one; reason says why there is nothing to plan.
func (i *Installer) upgrade(ctx context.Context, name string, t *title, o Options) (p *Plan, reason string) {
	current := t.Editions[t.Current]
	source := current.Locked.Source
	if o.Variant == "" && current.Wanted {
		o.Variant = current.Variant
	}
	var err error
	switch {
	case t.Pinned:
		return nil, fmt.Sprintf("is pinned to %s; let it go with \"enginebay plugin pin --off %s\"", current.Version, name)
	case isName(source):
		p, err = i.planName(ctx, ref{kind: byName, text: name, name: name, constraint: current.Locked.Constraint}, o, true)
	case strings.HasPrefix(source, "oci://"):
		p, err = i.planOCI(ctx, ref{kind: byOCI, text: source, address: source}, o)
	default:
		return nil, "came from " + source + ", which knows of no other versions; install the new one by its own address or file"
	}
	if err != nil {
		return nil, "cannot be upgraded: " + err.Error()
	}
	return p, p.useless()
}

// useless says why an upgrade would be none.
func (p *Plan) useless() string {
	switch p.Action {
	case Nothing:
		return "is up to date" + p.newer() + p.beyond
	case Downgrade:
		for _, passed := range p.Passed {
			if passed.Version == p.Before { // taken back since
				return fmt.Sprintf("%s; the newest that can be installed is %s: enginebay plugin install %s@%s", passed.Reason, p.Version, p.Name, p.Version)
			}
		}
		return fmt.Sprintf("is newer than %s, the newest in %s", p.Version, p.Source)
	}
	return ""
}

// newer tells of the newest version that was passed over.
func (p *Plan) newer() string {
	if len(p.Passed) == 0 {
		return ""
	}
	return fmt.Sprintf("; %s %s", p.Passed[0].Version, p.Passed[0].Reason)
}

// isName says whether a source is the name of a registry.
func isName(source string) bool { return source != sourceFile && !strings.Contains(source, "://") }

// Locked plans what the lock file says of the named plugins, or of all: these very
// versions, with these very bytes, wherever they are found: in the registry that they
// came from, in another one (a mirror), or at the address that is written down. An
// index that has expired will do, for the hashes are known. The plans have to be
// closed; those of what is there already have the Action Nothing.
//
// [sdk.CodeNotFound]: the lock file does not name it. [sdk.CodeUnsupported]: it has
// no package for this machine.
func (i *Installer) Locked(ctx context.Context, names []string, o Options) ([]*Plan, error) {
	lock, err := ReadLock(i.config.Home)
	if err != nil {
		return nil, err
	}
	if len(lock.Plugins) == 0 {
		return nil, sdk.Errorf(sdk.CodeNotFound, "HOME/%s names no plugins; copy it from where they are installed, or install without --locked", LockFile)
	}
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(lock.Plugins))
	}
	known, warnings := i.lockedRegistries(ctx)
	var plans []*Plan
	for _, name := range names {
		full, err := lock.find(name)
		if err != nil {
			return nil, err
		}
		p, err := i.planLocked(ctx, full, lock.Plugins[full], known, o)
		if err != nil {
			return nil, err
		}
		p.Warnings = append(p.Warnings, warnings...)
		plans = append(plans, p)
	}
	return plans, nil
}

func (l Lock) find(name string) (string, error) {
	for full := range l.Plugins {
		if full == name || strings.HasSuffix(full, "/"+name) {
			return full, nil
		}
	}
	return "", sdk.Errorf(sdk.CodeNotFound, "HOME/%s does not name %s; install it without --locked", LockFile, name)
}

func (i *Installer) planLocked(ctx context.Context, name string, l Locked, known []*registry.Registry, o Options) (*Plan, error) {
	choice, err := registry.Choose(l.variants(), i.config.Machine(), o.Variant)
	if err != nil {
		return nil, &sdk.Error{Code: sdk.CodeUnsupported, Cause: err,
			Message: fmt.Sprintf("HOME/%s has no package of %s %s for this machine; install it here without --locked, which adds it", LockFile, name, l.Version)}
	}
	v := choice.Chosen
	p := &Plan{Name: name, Version: l.Version, Variant: v.Label(), Source: l.Source, Size: v.Size, Choice: choice, constraint: l.Constraint}
	p.want = wanted{sha256: v.SHA256, digest: v.Digest, size: v.Size, platform: v.Platform(), locked: true, variants: l.Variants}
	location, from := nearest(known, l.Source, v)
	p.URL = location
	if why := yanked(known, name, l.Version); why != "" {
		p.warn("%s %s is yanked: %s", name, l.Version, why)
	}
	p.want.at(p.URL)
	switch {
	case from != nil:
		p.want.named = from.Source.URL
	case !o.Remote: // whoever put the lock file here named it
		p.want.named = location
	case p.want.path != "":
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s was installed from %s; that cannot be done over the API", name, p.URL)
	}
	return i.begin(o, p)
}

// yanked says why a version was taken back, in the first registry that says so.
func yanked(known []*registry.Registry, name, version string) string {
	for _, from := range known {
		if why := from.Plugins[name].Versions[version].Yanked; why != "" {
			return why
		}
	}
	return ""
}

// nearest is where a locked archive is had: the registry that it came from, then any
// other that knows the same bytes, then the address that was written down.
func nearest(known []*registry.Registry, source string, v registry.Variant) (string, *registry.Registry) {
	rank := func(from *registry.Registry) int {
		if from.Source.Name == source {
			return 0
		}
		return 1
	}
	for _, from := range slices.SortedStableFunc(slices.Values(known), func(a, b *registry.Registry) int { return rank(a) - rank(b) }) {
		if location, ok := holds(from, v.SHA256); ok {
			return location, from
		}
	}
	return v.URL, nil
}

// holds says where a registry has the archive with a hash.
func holds(from *registry.Registry, sha256 string) (string, bool) {
	for _, p := range from.Plugins {
		for _, version := range p.Versions {
			for _, v := range version.Variants {
				if v.SHA256 == sha256 && sha256 != "" {
					location, err := from.Address(v)
					return location, err == nil
				}
			}
		}
	}
	return "", false
}
