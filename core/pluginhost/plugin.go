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
	Digest       string            `json:"digest,omitempty"`       // of an installed package
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

// Folder is where the plugin lies.
func (p Plugin) Folder() Folder { return Folder{Dir: p.Dir, Digest: p.Digest} }

// Is says whether the plugin is of a kind.
func (p Plugin) Is(kind sdk.Kind) bool { return slices.Contains(p.Kinds, kind) }

// A Folder is one that may be a plugin's.
type Folder struct {
	Dir    string // absolute
	Digest string // of the package that lies there, which is checked before each start; empty: any content will do
}

// A Source names folders of plugins, as they are now.
type Source func() []Folder

// Dirs are the sources of the folders inside of each dir. One that is not there holds none.
func Dirs(dirs ...string) (sources []Source) {
	for _, dir := range dirs {
		sources = append(sources, func() []Folder { return inside(dir) })
	}
	return sources
}

func inside(dir string) (folders []Folder) {
	dir, err := filepath.Abs(dir) // a plugin runs in another working directory
	if err != nil {
		return nil
	}
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		folders = append(folders, Folder{Dir: filepath.Join(dir, entry.Name())})
	}
	return folders
}

// find reads the plugins of sources. Of two with one name the first counts, so that
// what the user installed goes before what came along.
func find(sources []Source) []Plugin {
	var found []Plugin
	taken := map[string]bool{}
	for _, source := range sources {
		for _, folder := range source() {
			p, ok := read(folder)
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
func read(folder Folder) (p Plugin, ok bool) {
	dir := folder.Dir
	data, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return Plugin{}, false
	}
	base := filepath.Base(dir)
	p = Plugin{Name: base, FullName: base, Dir: dir, Digest: folder.Digest}
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
