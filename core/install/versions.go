package install

import (
	"cmp"
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// Installed returns what is installed, by name.
func (i *Installer) Installed() ([]Plugin, error) {
	b, err := readBook(i.config.Home)
	if err != nil {
		return nil, err
	}
	var all []Plugin
	for _, name := range slices.Sorted(maps.Keys(b.Plugins)) {
		all = append(all, b.plugin(i.config.Home, name))
	}
	return all, nil
}

// Plugin returns one that is installed, by its full or its short name.
// [sdk.CodeNotFound]: it is not; the error says what is.
func (i *Installer) Plugin(name string) (Plugin, error) {
	b, err := readBook(i.config.Home)
	if err != nil {
		return Plugin{}, err
	}
	full, _, err := b.find(name)
	if err != nil {
		return Plugin{}, err
	}
	return b.plugin(i.config.Home, full), nil
}

func (b book) plugin(home, name string) Plugin {
	t := b.Plugins[name]
	current := t.Editions[t.Current]
	p := Plugin{Name: name, Kinds: current.Kinds, Current: current.Version, Pinned: t.Pinned, Constraint: current.Locked.Constraint, Source: current.Locked.Source}
	if t.Previous != "" {
		p.Previous = t.Editions[t.Previous].Version
	}
	for _, digest := range t.newest() {
		e := t.Editions[digest]
		p.Versions = append(p.Versions, Version{Version: e.Version, Variant: cmp.Or(e.Variant, packages.DefaultVariant), Digest: digest, Dir: treeDir(home, digest),
			Source: e.Locked.Source, Key: e.Key, Size: e.Size, Installed: e.Installed, Current: digest == t.Current, Previous: digest == t.Previous,
			Refused: t.Refused[digest].Reason})
	}
	return p
}

// Use makes an installed version current: "1.2.0", or the digest of a package or its
// first eight hexadecimal digits, where there are several of one version. What did
// not come up before is tried again. Nothing is downloaded; the tree is checked
// first. [sdk.CodeNotFound]: it is not installed; the error says what is.
func (i *Installer) Use(ctx context.Context, name, version string) (Plugin, error) {
	return i.turn(ctx, name, func(full string, t *title) (string, error) { return t.edition(full, version) })
}

// Rollback makes the version current that was before. Done twice, it is as it was.
// [sdk.CodeNotFound]: there is none.
func (i *Installer) Rollback(ctx context.Context, name string) (Plugin, error) {
	return i.turn(ctx, name, func(full string, t *title) (string, error) {
		if t.Previous == "" {
			return "", sdk.Errorf(sdk.CodeNotFound, "There is no earlier version of %s to go back to; %s", full, t.others())
		}
		return t.Previous, nil
	})
}

// turn makes current what choose says, after a look at the tree: first, for that may
// take a while, then, while nobody else writes, whether it is still so.
func (i *Installer) turn(ctx context.Context, name string, choose func(string, *title) (string, error)) (Plugin, error) {
	b, err := readBook(i.config.Home)
	if err != nil {
		return Plugin{}, err
	}
	full, t, err := b.find(name)
	if err != nil {
		return Plugin{}, err
	}
	digest, err := choose(full, t)
	if err != nil {
		return Plugin{}, err
	}
	if err := i.whole(full, t, digest); err != nil {
		return Plugin{}, err
	}
	var made Plugin
	err = change(ctx, i.config.Home, func(s *state) error {
		t := s.book.Plugins[full]
		if t == nil || t.Editions[digest] == nil {
			return sdk.Errorf(sdk.CodeUnavailable, "%s was changed by another process meanwhile; try again", full)
		}
		t.switchTo(digest)
		s.follow(full)
		made = s.book.plugin(s.home, full)
		return nil
	})
	return made, err
}

// whole says whether the tree of an edition is as it was installed.
func (i *Installer) whole(name string, t *title, digest string) error {
	pkg, err := packages.Open(treeDir(i.config.Home, digest))
	if err == nil && pkg.Digest != digest {
		err = &packages.Altered{Changed: []string{packages.SumsFile}}
	}
	if err != nil {
		e := t.Editions[digest]
		return &sdk.Error{Code: sdk.CodeInvalid, Cause: err,
			Message: "The files of " + name + " " + e.Version + " are not those that were installed; install it again with \"enginebay plugin install " + again(name, e) + "\""}
	}
	return nil
}

// again is the ref that brings an edition back.
func again(name string, e *edition) string {
	if isName(e.Locked.Source) {
		return name + "@" + e.Version
	}
	if e.Locked.Source != sourceFile {
		return e.Locked.Source
	}
	for _, v := range e.Locked.Variants {
		return v.URL
	}
	return name
}

// edition finds one by its version or digest.
func (t *title) edition(name, version string) (string, error) {
	version = strings.TrimPrefix(version, "v")
	for _, digest := range t.newest() {
		sum := strings.TrimPrefix(digest, "sha256:")
		if t.Editions[digest].Version == version || digest == version || len(version) >= 8 && strings.HasPrefix(sum, strings.TrimPrefix(version, "sha256:")) {
			return digest, nil
		}
	}
	return "", sdk.Errorf(sdk.CodeNotFound, "%s %s is not installed; %s. Install it with \"enginebay plugin install %s@%s\"", name, version, t.others(), name, version)
}

// others says which versions there are.
func (t *title) others() string {
	var all []string
	for _, digest := range t.newest() {
		text := t.Editions[digest].Version
		if digest == t.Current {
			text += " (current)"
		}
		all = append(all, text)
	}
	return "installed are " + strings.Join(all, ", ")
}

// Pin has upgrades pass a plugin over, and installs refuse to change it, until it is
// let go. "use" and "rollback" still do what they say.
func (i *Installer) Pin(ctx context.Context, name string, pinned bool) (Plugin, error) {
	var made Plugin
	err := change(ctx, i.config.Home, func(s *state) error {
		full, t, err := s.book.find(name)
		if err != nil {
			return err
		}
		t.Pinned = pinned
		made = s.book.plugin(s.home, full)
		return nil
	})
	return made, err
}

// Remove removes a plugin with all its versions, or with NAME@VERSION one of them,
// which must not be the current one ([store.ErrConflict]). What a person wrote into its engines/NAME.json
// stays. The keys of the publisher stay trusted.
func (i *Installer) Remove(ctx context.Context, text string) error {
	name, version, one := strings.Cut(text, "@")
	err := change(ctx, i.config.Home, func(s *state) error {
		full, t, err := s.book.find(name)
		if err != nil {
			return err
		}
		if one {
			err = t.remove(full, version)
		} else {
			delete(s.book.Plugins, full)
			s.follow(full)
			RemoveEngineFile(s.home, path.Base(full))
		}
		return err
	})
	if err != nil {
		return err
	}
	return tidy(ctx, i.config.Home)
}

func (t *title) remove(name, version string) error {
	digest, err := t.edition(name, version)
	switch {
	case err != nil:
		return err
	case digest == t.Current && len(t.Editions) > 1:
		return store.Conflict("%s %s is the version in use, and others are there (%s); change over first with \"enginebay plugin use %s@VERSION\", or remove all with \"enginebay plugin remove %s\"", name, version, t.others(), name, name)
	case digest == t.Current:
		return store.Conflict("%s %s is the only version; remove the plugin with \"enginebay plugin remove %s\"", name, version, name)
	case digest == t.Previous:
		t.Previous = ""
	}
	if digest == t.Proven {
		t.Proven = ""
	}
	delete(t.Editions, digest)
	delete(t.Refused, digest)
	return nil
}
