package install

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// Mirroring says what a mirror gets.
type Mirroring struct {
	Registry  string   // its name; empty where there is only one
	Names     []string // plugins, as NAME, PUBLISHER/NAME or either with @CONSTRAINT; empty: all
	Platforms []string // "linux/amd64"; empty: all
	Versions  bool     // all versions, and not the newest of each plugin alone
}

// A Mirrored is an archive that a mirror has.
type Mirrored struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Platform string `json:"platform"` // "linux/amd64/cuda12"
	Path     string `json:"path"`     // in the mirror
	Size     int64  `json:"size"`
}

// Mirror makes a folder of a registry that plugins can be installed from without a
// network: the registry's own index, with its signature, and the archives by their
// hashes. What the folder has already stays and is not fetched again. It is the same
// registry, so it is added with the same key.
func (i *Installer) Mirror(ctx context.Context, dir string, m Mirroring, progress func(Mirrored, Progress)) ([]Mirrored, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	from, err := i.original(ctx, m.Registry)
	if err != nil {
		return nil, err
	}
	chosen, err := m.choose(from)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "mirror"), 0o755); err != nil {
		return nil, err
	}
	var done []Mirrored
	for _, c := range chosen {
		tell := func(p Progress) {
			if progress != nil {
				progress(c.Mirrored, p)
			}
		}
		if err := i.copyArchive(ctx, from, c.variant, filepath.Join(dir, filepath.FromSlash(c.Path)), tell); err != nil {
			return done, fmt.Errorf("mirror %s %s for %s: %w", c.Name, c.Version, c.Platform, err)
		}
		done = append(done, c.Mirrored)
	}
	return done, from.WriteIndex(dir) // last: what the index names is there by then
}

// original is the registry that is mirrored.
func (i *Installer) original(ctx context.Context, name string) (*registry.Registry, error) {
	all, _, err := i.registries(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range all {
		if r.Source.Name == name || name == "" && len(all) == 1 {
			return r, nil
		}
		names = append(names, r.Source.Name)
	}
	switch {
	case len(all) == 0:
		return nil, sdk.Errorf(sdk.CodeNotFound, "No registry is configured; add the one to be mirrored with \"enginebay plugin registry add NAME URL --key KEY\"")
	case name == "":
		return nil, sdk.Errorf(sdk.CodeInvalid, "There are several registries, and a mirror is of one; name it with --registry: %s", strings.Join(names, ", "))
	}
	return nil, sdk.Errorf(sdk.CodeNotFound, "No registry %q; there are %s", name, strings.Join(names, ", "))
}

type mirrored struct {
	Mirrored
	variant registry.Variant
}

// choose finds the archives that the mirror gets.
func (m Mirroring) choose(from *registry.Registry) ([]mirrored, error) {
	var all []mirrored
	refs, named := m.Names, len(m.Names) > 0
	if !named {
		refs = slices.Sorted(maps.Keys(from.Plugins))
	}
	for _, text := range refs {
		r, err := readRef(text)
		if err != nil {
			return nil, err
		}
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(from.Plugins)), func(full string) bool { return full != r.name && path.Base(full) != r.name })
		if r.kind != byName || len(names) == 0 {
			return nil, nowhere([]*registry.Registry{from}, text)
		}
		for _, name := range names {
			some, err := m.versions(name, from.Plugins[name], r)
			if err != nil {
				return nil, err
			}
			if named && len(some) == 0 {
				return nil, sdk.Errorf(sdk.CodeNotFound, "%s has nothing to mirror of %s; look with \"enginebay plugin info %s\"", name, r.text, name)
			}
			all = append(all, some...)
		}
	}
	if len(all) == 0 {
		return nil, sdk.Errorf(sdk.CodeNotFound, "Registry %s has nothing to mirror of that kind; look with \"enginebay plugin search\"", from.Source.Name)
	}
	return all, nil
}

// versions are the archives of one plugin: of its newest version that is asked for, or
// of all of them.
func (m Mirroring) versions(name string, p registry.Plugin, r ref) (all []mirrored, err error) {
	asked, err := r.versions()
	if err != nil {
		return nil, err
	}
	for _, number := range p.NewestFirst() {
		v := p.Versions[number]
		parsed, err := semver.StrictNewVersion(number)
		preview := err == nil && parsed.Prerelease() != ""
		if err != nil || asked != nil && !asked.Check(parsed) || v.Yanked != "" && !r.exact() || asked == nil && preview {
			continue
		}
		for _, variant := range v.Variants {
			if m.wants(variant) {
				all = append(all, mirrored{Mirrored{name, number, variant.Platform(), registry.MirrorPath(variant), variant.Size}, variant})
			}
		}
		if !m.Versions && len(all) > 0 {
			break
		}
	}
	return all, nil
}

func (m Mirroring) wants(v registry.Variant) bool {
	return len(m.Platforms) == 0 || slices.ContainsFunc(m.Platforms, func(platform string) bool {
		os, arch, _ := strings.Cut(platform, "/")
		return packages.Platform{OS: v.OS, Arch: v.Arch}.Is(os, cmp.Or(arch, v.Arch))
	})
}

// copyArchive brings an archive into the mirror, unless it is there.
func (i *Installer) copyArchive(ctx context.Context, from *registry.Registry, v registry.Variant, file string, progress func(Progress)) error {
	if sum, err := fileSum(file); err == nil && sum == v.SHA256 {
		return nil
	}
	location, err := from.Address(v)
	if err != nil {
		return err
	}
	return i.fetch(ctx, registry.Archive{Address: location, Size: v.Size, SHA256: v.SHA256, Named: from.Source.URL}, file, progress)
}

func fileSum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	_, err = io.Copy(hash, f)
	return hex.EncodeToString(hash.Sum(nil)), err
}
