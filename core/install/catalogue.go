package install

import (
	"cmp"
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// An offer is a plugin in a registry.
type offer struct {
	from   *registry.Registry
	name   string // full
	plugin registry.Plugin
	elder  *registry.Registry // the first that knows the publisher
}

// offers are what the registries have under a name, full or short, in their order:
// of one plugin in several registries the first counts, or that of a source, where
// the plugin came from there.
func offers(all []*registry.Registry, name string, sources map[string]string) []offer {
	byName := map[string]offer{}
	for _, from := range all {
		for full, plugin := range from.Plugins {
			if full != name && path.Base(full) != name {
				continue
			}
			if _, taken := byName[full]; !taken || sources[full] == from.Source.Name {
				byName[full] = offer{from: from, name: full, plugin: plugin}
			}
		}
	}
	var found []offer
	for _, full := range slices.Sorted(maps.Keys(byName)) {
		found = append(found, byName[full])
	}
	return found
}

// offer is the one plugin that a name means.
func (i *Installer) offer(ctx context.Context, name string) (offer, []string, error) {
	all, warnings, err := i.registries(ctx)
	if err != nil {
		return offer{}, nil, err
	}
	b, err := readBook(i.config.Home)
	if err != nil {
		return offer{}, nil, err
	}
	if full, _, err := b.find(name); err == nil {
		name = full
	}
	name = i.meant(name)
	found := offers(all, name, b.sources())
	switch {
	case len(found) == 0:
		return offer{}, nil, withWarnings(nowhere(all, name), warnings)
	case len(found) > 1:
		var names []string
		for _, o := range found {
			names = append(names, o.name)
		}
		return offer{}, nil, sdk.Errorf(sdk.CodeInvalid, "There are several plugins called %s; name one of them in full: %s", name, strings.Join(names, ", "))
	}
	found[0].elder = elder(all, path.Dir(found[0].name))
	return found[0], warnings, nil
}

// elder is the first registry that knows a publisher: whose name it is, it says.
func elder(all []*registry.Registry, publisher string) *registry.Registry {
	for _, r := range all {
		if len(r.Publishers[publisher].Keys) > 0 {
			return r
		}
	}
	return nil
}

// sources are where the installed plugins came from.
func (b book) sources() map[string]string {
	all := map[string]string{}
	for name, t := range b.Plugins {
		all[name] = t.Editions[t.Current].Locked.Source
	}
	return all
}

// nowhere is the error of a name that no registry has.
func nowhere(all []*registry.Registry, name string) error {
	if len(all) == 0 {
		return sdk.Errorf(sdk.CodeNotFound, "No registry is configured, so there is no plugin %s to be found; add one with \"enginebay plugin registry add NAME URL --key KEY\", or install from oci://…, https://… or a file", name)
	}
	var names, registries []string
	for _, from := range all {
		registries = append(registries, from.Source.Name)
		for full := range from.Plugins {
			names = append(names, full, path.Base(full))
		}
	}
	slices.Sort(names)
	message := "No plugin " + name + " in " + strings.Join(registries, ", ")
	if near := sdk.Near(name, slices.Compact(names)); len(near) > 0 {
		message += "; did you mean " + strings.Join(near, " or ") + "?"
	} else {
		message += "; see what there is with \"enginebay plugin search\""
	}
	return sdk.Errorf(sdk.CodeNotFound, "%s", message)
}

// withWarnings is an error with why not all registries were looked into.
func withWarnings(err error, warnings []string) error {
	if len(warnings) == 0 {
		return err
	}
	return sdk.Errorf(sdk.CodeOf(err), "%v. Not all registries were looked into: %s", err, strings.Join(warnings, "; "))
}

// planName plans the install of a plugin by its name, or with upgrade set its upgrade.
func (i *Installer) planName(ctx context.Context, r ref, o Options, upgrade bool) (*Plan, error) {
	from, warnings, err := i.offer(ctx, r.name)
	if err != nil {
		return nil, err
	}
	k := pick{ref: r, variant: o.Variant, core: i.config.Core, machine: i.config.Machine()}
	if k.refused, err = i.refused(from.name); err != nil {
		return nil, err
	}
	if !upgrade {
		k.refused = nil // a person who asks for it means it
	}
	found, err := k.from(from.name, from.plugin)
	if err != nil {
		return nil, err
	}
	p := &Plan{Name: from.name, Version: found.number, Variant: found.choice.Chosen.Label(), Source: from.from.Source.Name, Size: found.choice.Chosen.Size,
		Choice: found.choice, Passed: found.passed, Warnings: warnings, constraint: r.constraint}
	if found.Yanked != "" {
		p.warn("%s %s is yanked: %s", p.Name, p.Version, found.Yanked)
	}
	if found.choice.Warning != "" {
		p.warn("%s", found.choice.Warning)
	}
	if err := p.wantOf(from.from, found); err != nil {
		return nil, err
	}
	p.want.elder = from.elder
	if upgrade {
		p.beyond = k.beyond(from, found.number)
	}
	return i.begin(o, p)
}

// wantOf says what the package has to be by the index of a registry.
func (p *Plan) wantOf(from *registry.Registry, found picked) error {
	var variants []registry.Variant
	for _, v := range found.Variants {
		url, err := from.Address(v)
		if err != nil {
			return err
		}
		v.URL = url
		variants = append(variants, v)
	}
	v := found.choice.Chosen
	p.want = wanted{sha256: v.SHA256, digest: v.Digest, size: v.Size, platform: v.Platform(), vouched: true,
		keys: from.Publishers[path.Dir(p.Name)].Keys, variants: lockedVariants(variants)}
	p.URL = p.want.variants[v.Platform()].URL
	p.want.at(p.URL)
	p.want.named = from.Source.URL
	return nil
}

// refused are the packages of a plugin that did not come up here, with the reasons.
func (i *Installer) refused(name string) (map[string]string, error) {
	b, err := readBook(i.config.Home)
	all := map[string]string{}
	if t := b.Plugins[name]; t != nil {
		for digest, r := range t.Refused {
			all[digest] = r.Reason
		}
	}
	return all, err
}

// A Found is a plugin in a registry, for people who look around.
type Found struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Kinds       []sdk.Kind `json:"kinds"`
	Homepage    string     `json:"homepage,omitempty"`
	Licence     string     `json:"licence,omitempty"`
	Publisher   string     `json:"publisher,omitempty"` // its name for people
	Registry    string     `json:"registry"`
	Latest      string     `json:"latest,omitempty"`    // newest version that can be installed here
	Reason      string     `json:"reason,omitempty"`    // why none can
	Installed   string     `json:"installed,omitempty"` // current version here
	Versions    []Offered  `json:"versions,omitempty"`  // newest first; Info has them
}

// An Offered is a version in a registry.
type Offered struct {
	Version  string             `json:"version"`
	Yanked   string             `json:"yanked,omitempty"`
	Core     string             `json:"core,omitempty"`
	Protocol []int              `json:"protocol,omitempty"`
	Variants []registry.Variant `json:"variants"`
}

// Search returns the plugins of the registries that have all words in their name,
// description or kinds; without words all. The second result are warnings, of
// registries that could not be asked.
func (i *Installer) Search(ctx context.Context, words ...string) ([]Found, []string, error) {
	all, warnings, err := i.registries(ctx)
	if err != nil {
		return nil, nil, err
	}
	machine := i.config.Machine()
	b, err := readBook(i.config.Home)
	if err != nil {
		return nil, nil, err
	}
	var found []Found
	seen := map[string]bool{}
	for _, from := range all {
		for _, name := range slices.Sorted(maps.Keys(from.Plugins)) {
			if !seen[name] && matches(name, from.Plugins[name], words) {
				seen[name] = true
				found = append(found, i.found(offer{from: from, name: name, plugin: from.Plugins[name]}, machine, b))
			}
		}
	}
	slices.SortFunc(found, func(a, b Found) int { return cmp.Compare(a.Name, b.Name) })
	return found, warnings, nil
}

func matches(name string, p registry.Plugin, words []string) bool {
	text := strings.ToLower(name + " " + p.Description)
	for _, kind := range p.Kinds {
		text += " " + string(kind)
	}
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, strings.ToLower(word)) })
}

func (i *Installer) found(o offer, machine registry.Machine, b book) Found {
	f := Found{Name: o.name, Description: o.plugin.Description, Kinds: o.plugin.Kinds, Homepage: o.plugin.Homepage, Licence: o.plugin.Licence,
		Publisher: o.from.Publishers[path.Dir(o.name)].Name, Registry: o.from.Source.Name}
	newest, err := pick{core: i.config.Core, machine: machine, ref: ref{name: o.name}}.from(o.name, o.plugin)
	if f.Latest = newest.number; err != nil {
		f.Reason = err.Error()
	}
	if t := b.Plugins[o.name]; t != nil {
		f.Installed = t.Editions[t.Current].Version
	}
	return f
}

// Info returns what the registries know of one plugin, with all its versions.
// [sdk.CodeNotFound]: none has it.
func (i *Installer) Info(ctx context.Context, name string) (Found, []string, error) {
	o, warnings, err := i.offer(ctx, name)
	if err != nil {
		return Found{}, nil, err
	}
	b, err := readBook(i.config.Home)
	if err != nil {
		return Found{}, nil, err
	}
	f := i.found(o, i.config.Machine(), b)
	for _, number := range o.plugin.NewestFirst() {
		v := o.plugin.Versions[number]
		f.Versions = append(f.Versions, Offered{Version: number, Yanked: v.Yanked, Core: v.Core, Protocol: v.Protocol, Variants: v.Variants})
	}
	return f, warnings, nil
}
