package registry

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/sdk"
)

// An Index is all that a registry offers.
type Index struct {
	Name       string               `json:"name"`
	Serial     int64                `json:"serial"` // higher in each index than in the one before
	Created    time.Time            `json:"created"`
	Expires    time.Time            `json:"expires"`
	Publishers map[string]Publisher `json:"publishers"` // by the first part of plugins' names
	Plugins    map[string]Plugin    `json:"plugins"`    // by full name: "enginebay/llamacpp"
}

// A Publisher is who makes plugins. What any of its keys has signed is its own.
type Publisher struct {
	Name     string   `json:"name,omitempty"` // for people
	Homepage string   `json:"homepage,omitempty"`
	Keys     []string `json:"keys"` // public keys in minisign's form: "RW…"
}

// A Plugin is all versions of one plugin, by version: "1.2.0".
type Plugin struct {
	Description string             `json:"description,omitempty"`
	Kinds       []sdk.Kind         `json:"kinds"`
	Homepage    string             `json:"homepage,omitempty"`
	Licence     string             `json:"licence,omitempty"`
	Versions    map[string]Version `json:"versions"`
}

// NewestFirst are the plugin's versions by rising age.
func (p Plugin) NewestFirst() []string {
	return slices.SortedFunc(maps.Keys(p.Versions), func(a, b string) int { return packages.CompareVersions(b, a) })
}

// A Version is one version of a plugin.
type Version struct {
	Published time.Time `json:"published"`
	Yanked    string    `json:"yanked,omitempty"` // why nobody should install it any more
	Protocol  []int     `json:"protocol,omitempty"`
	Core      string    `json:"core,omitempty"` // versions of Engine Bay; empty is all
	Variants  []Variant `json:"variants"`
}

// A Variant is one archive of a version. An empty OS or Arch is any.
type Variant struct {
	OS       string            `json:"os,omitempty"`
	Arch     string            `json:"arch,omitempty"`
	Variant  string            `json:"variant,omitempty"` // empty is packages.DefaultVariant
	Requires packages.Requires `json:"requires,omitzero"`
	URL      string            `json:"url"`    // of the archive: relative to the index, https://… or oci://host/repo@sha256:…
	Size     int64             `json:"size"`   // bytes of the archive
	SHA256   string            `json:"sha256"` // of the archive, in hexadecimal
	Digest   string            `json:"digest"` // of the package: "sha256:…"
}

// VariantOf is what a registry says of a package, without where it is.
func VariantOf(m packages.Manifest) Variant {
	return Variant{OS: m.Platform.OS, Arch: m.Platform.Arch, Variant: m.Variant, Requires: m.Requires}
}

// Label is the variant's name.
func (v Variant) Label() string { return cmp.Or(v.Variant, packages.DefaultVariant) }

// Platform tells the variants of one version apart: "linux/amd64/cuda12", and "any"
// for what is open.
func (v Variant) Platform() string {
	return cmp.Or(v.OS, "any") + "/" + cmp.Or(v.Arch, "any") + "/" + v.Label()
}
