package pluginhost

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// ManifestFile is the name of the file that makes a folder a plugin.
const ManifestFile = "plugin.json"

// A Plugin is a plugin's folder as it was found. It is not running.
type Plugin struct {
	Name         string            `json:"name"` // short: what deployments and models call it
	FullName     string            `json:"full_name"`
	Version      string            `json:"version"`
	Description  string            `json:"description,omitempty"`
	Kinds        []sdk.Kind        `json:"kinds"`
	Formats      []string          `json:"formats,omitempty"`      // of weights, for an engine: "gguf"
	Schemes      []string          `json:"schemes,omitempty"`      // of refs, for an importer: "hf"
	Patterns     []string          `json:"patterns,omitempty"`     // of addresses that it resolves too; * is any text
	Dir          string            `json:"dir"`                    // absolute
	Entry        string            `json:"-"`                      // absolute path of the program
	Capabilities []string          `json:"capabilities,omitempty"` // optional abilities, as Describe names them: "models"
	Environment  []string          `json:"-"`                      // names of variables that it sees beside the usual ones
	Secrets      map[string]Secret `json:"-"`                      // that it asks for, by name
	Err          error             `json:"-"`                      // why it cannot be used
}

// A Secret is one that a plugin asks for. A text with a $VARIABLE that is not set is
// passed over; of the others the first that leads somewhere counts.
type Secret struct {
	From   []string // references env:NAME and file:PATH
	Origin []string // where downloads take it along: "https://example.com"; may be empty
}

// Is says whether the plugin is of a kind.
func (p Plugin) Is(kind sdk.Kind) bool { return slices.Contains(p.Kinds, kind) }

// find reads the plugin folders inside dirs. Of two plugins with one name the
// first counts, so that what the user installed goes before what came along.
func find(dirs []string) []Plugin {
	var found []Plugin
	taken := map[string]bool{}
	for _, dir := range dirs {
		dir, err := filepath.Abs(dir) // a plugin runs in another working directory
		if err != nil {
			continue
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // a folder that is not there holds no plugins
		}
		for _, entry := range entries {
			p, ok := read(filepath.Join(dir, entry.Name()))
			if !ok || taken[p.Name] {
				continue
			}
			taken[p.Name] = true
			found = append(found, p)
		}
	}
	return found
}

// read reads one folder; ok is false where it is no plugin at all. A broken one
// is returned with its Err, so that "plugin list" can show it.
func read(dir string) (p Plugin, ok bool) {
	data, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return Plugin{}, false
	}
	base := filepath.Base(dir)
	p = Plugin{Name: base, FullName: base, Dir: dir}
	if err != nil {
		p.Err = err
		return p, true
	}
	var manifest struct {
		Name, Version, Description, Entry string
		Kinds                             []sdk.Kind
		Protocol                          []int
		Formats, Schemes, Patterns        []string
		Environment, Capabilities         []string
		Secrets                           map[string]Secret
		Platform                          struct{ OS, Arch string }
	}
	if err := schemas.Decode(schemas.Plugin(), filepath.Join(base, ManifestFile), data, &manifest); err != nil {
		p.Err = err
		return p, true
	}
	p.FullName, p.Name = manifest.Name, path.Base(manifest.Name)
	p.Version, p.Description, p.Kinds = manifest.Version, manifest.Description, manifest.Kinds
	p.Formats, p.Schemes, p.Patterns = manifest.Formats, manifest.Schemes, manifest.Patterns
	p.Environment, p.Secrets, p.Capabilities = manifest.Environment, manifest.Secrets, manifest.Capabilities
	p.Entry, p.Err = entry(dir, manifest.Entry)
	switch {
	case p.Err != nil:
	case len(manifest.Protocol) > 0 && !slices.Contains(manifest.Protocol, sdk.ProtocolVersion):
		p.Err = fmt.Errorf("plugin %s speaks protocol %v, and this core speaks %d; install a version that fits", p.FullName, manifest.Protocol, sdk.ProtocolVersion)
	case manifest.Platform.OS != "" && manifest.Platform.OS != runtime.GOOS,
		manifest.Platform.Arch != "" && manifest.Platform.Arch != runtime.GOARCH:
		p.Err = fmt.Errorf("plugin %s is built for %s/%s, and this machine is %s/%s", p.FullName,
			manifest.Platform.OS, manifest.Platform.Arch, runtime.GOOS, runtime.GOARCH)
	}
	return p, true
}

// entry finds the program, inside the plugin's folder and nowhere else.
func entry(dir, rel string) (string, error) {
	if runtime.GOOS == "windows" && filepath.Ext(rel) == "" {
		rel += ".exe"
	}
	if !filepath.IsLocal(filepath.FromSlash(rel)) || strings.Contains(rel, `\`) {
		return "", fmt.Errorf("entry %q lies outside the plugin's folder", rel)
	}
	file := filepath.Join(dir, filepath.FromSlash(rel))
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("entry %q is not there; build or install the plugin again", rel)
	}
	if !info.Mode().IsRegular() || (runtime.GOOS != "windows" && info.Mode()&0o111 == 0) {
		return "", fmt.Errorf("entry %q is not a program; make it executable or install the plugin again", rel)
	}
	return file, nil
}
