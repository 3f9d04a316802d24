package packages

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// ManifestFile is the name of the file that makes a folder a plugin.
const ManifestFile = "plugin.json"

// SettingsFile is the name of the file with the JSON Schema of the plugin's settings,
// beside the manifest. It may be missing; where it is there, the program says the same.
const SettingsFile = "settings.schema.json"

// DefaultVariant is the name of the variant of a package that names none.
const DefaultVariant = "default"

// Extension is how the names of packed packages end.
const Extension = ".tar.zst"

// A Manifest is what a package says about itself, in plugin.json.
type Manifest struct {
	Name         string            `json:"name"` // publisher and short name: "enginebay/llamacpp"
	Version      string            `json:"version"`
	Description  string            `json:"description,omitempty"`
	Kinds        []sdk.Kind        `json:"kinds"`
	Protocol     []int             `json:"protocol,omitempty"` // [1] where the file names none
	Entry        string            `json:"entry"`              // the program, as a path in the package
	Platform     Platform          `json:"platform,omitzero"`
	Variant      string            `json:"variant,omitempty"` // empty is DefaultVariant
	Requires     Requires          `json:"requires,omitzero"`
	Build        []string          `json:"build,omitempty"` // command that makes the files
	Core         string            `json:"core,omitempty"`  // versions of Engine Bay; empty is all
	Formats      []string          `json:"formats,omitempty"`
	Operations   []string          `json:"operations,omitempty"`
	Schemes      []string          `json:"schemes,omitempty"`
	Patterns     []string          `json:"patterns,omitempty"`
	Capabilities []string          `json:"capabilities,omitempty"`
	Environment  []string          `json:"environment,omitempty"`
	Secrets      map[string]Secret `json:"secrets,omitempty"`
	Permissions  Permissions       `json:"permissions,omitzero"`
	Licence      string            `json:"licence,omitempty"`
	Homepage     string            `json:"homepage,omitempty"`
}

// A Platform is a machine as Go names it; what is empty is any.
type Platform struct {
	OS   string `json:"os,omitempty"`
	Arch string `json:"arch,omitempty"`
}

// Requires is what a machine must have for a variant.
type Requires struct {
	Accelerator string   `json:"accelerator,omitempty"` // "cuda"
	Driver      string   `json:"driver,omitempty"`      // versions of the accelerator's driver: ">=550"
	CPU         []string `json:"cpu,omitempty"`         // instructions: "avx2"
	Glibc       string   `json:"glibc,omitempty"`       // versions: ">=2.34"
}

// Permissions are what a plugin asks for.
type Permissions struct {
	Network []string `json:"network,omitempty"` // hosts; "*" is any
	Folders []string `json:"folders,omitempty"`
	Devices []string `json:"devices,omitempty"` // "gpu"
}

// A Secret is one that a plugin asks for. A text with a $VARIABLE that is not set is
// passed over; of the others the first that leads somewhere counts.
type Secret struct {
	From   []string `json:"from"`             // references env:NAME and file:PATH
	Origin []string `json:"origin,omitempty"` // where downloads take it along: "https://example.com"; may be empty
}

// Short is the name by which deployments and models call the plugin: "llamacpp".
func (m Manifest) Short() string { return path.Base(m.Name) }

// Publisher is who the plugin is of: "enginebay".
func (m Manifest) Publisher() string { return path.Dir(m.Name) }

// FileName is what the packed package is called: llamacpp-1.2.0-linux-amd64-cuda12.tar.zst.
func (m Manifest) FileName() string {
	parts := []string{m.Short(), m.Version, cmp.Or(m.Platform.OS, "any"), cmp.Or(m.Platform.Arch, "any")}
	if m.Variant != "" && m.Variant != DefaultVariant {
		parts = append(parts, m.Variant)
	}
	return strings.Join(parts, "-") + Extension
}

// Is says whether the plugin is of a kind.
func (m Manifest) Is(kind sdk.Kind) bool { return slices.Contains(m.Kinds, kind) }

// SecretsFrom are the secrets that the plugin asks for, each with where the core looks for
// it: "token (env:HF_TOKEN, file:/run/token)". It may be any file that the core can read.
func (m Manifest) SecretsFrom() []string {
	all := []string{}
	for _, name := range slices.Sorted(maps.Keys(m.Secrets)) {
		all = append(all, name+" ("+strings.Join(m.Secrets[name].From, ", ")+")")
	}
	return all
}

// ReadManifest reads the plugin.json of a folder. [fs.ErrNotExist]: the folder has
// none, so it is no plugin.
func ReadManifest(dir string) (Manifest, error) {
	f, err := os.Open(filepath.Join(dir, ManifestFile))
	if err != nil {
		return Manifest{}, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return Manifest{}, errors.Join(err, &fs.PathError{Op: "read", Path: f.Name(), Err: errors.New("it is no file")})
	}
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return Manifest{}, err
	}
	return ParseManifest(filepath.Join(filepath.Base(dir), ManifestFile), data)
}

// maxManifest is how many bytes a plugin.json has at most.
const maxManifest = 1 << 20

// ParseManifest reads the text of a plugin.json; name is the file's, for messages.
func ParseManifest(name string, data []byte) (Manifest, error) {
	var m Manifest
	if err := schemas.Decode(schemas.Plugin(), name, data, &m); err != nil {
		return Manifest{}, err
	}
	shown := m
	shown.Build = nil // a command may have lines; nobody is shown it
	if err := schemas.Printable(shown); err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", name, err)
	}
	if len(m.Protocol) == 0 {
		m.Protocol = []int{1}
	}
	if _, err := semver.StrictNewVersion(m.Version); err != nil {
		return Manifest{}, fmt.Errorf("%s: version %q: %w", name, m.Version, err)
	}
	for field, versions := range map[string]string{"core": m.Core, "requires.driver": m.Requires.Driver, "requires.glibc": m.Requires.Glibc} {
		if _, err := semver.NewConstraint(versions); versions != "" && err != nil {
			return Manifest{}, fmt.Errorf("%s: %s %q is no range of versions; write it as in \">=0.3.0 <1.0.0\"", name, field, versions)
		}
	}
	return m, nil
}
