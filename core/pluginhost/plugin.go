package pluginhost

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/enginebay/enginebay/core/packages"
)

// ManifestFile is the name of the file that makes a folder a plugin.
const ManifestFile = packages.ManifestFile

// A Plugin is a plugin's folder as it was found. It is not running.
type Plugin struct {
	packages.Manifest        // Name in it is the full one
	Name              string // short: what deployments and models call it
	Folder                   // where it lies
	Program           string // absolute path of what is started
	Err               error  // why it cannot be used
}

// A State is whether a plugin can be used.
type State string

// What a plugin can be. One that is not compatible is whole, and for another
// machine or another core.
const (
	Ready         State = "ready"
	Broken        State = "broken"
	NotCompatible State = "not_compatible"
)

// State says whether the plugin can be used; Err says why it cannot.
func (p Plugin) State() State {
	var incompatible *packages.Incompatible
	switch {
	case p.Err == nil:
		return Ready
	case errors.As(p.Err, &incompatible):
		return NotCompatible
	}
	return Broken
}

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
func find(sources []Source, core string) []Plugin {
	var found []Plugin
	taken := map[string]bool{}
	for _, p := range findAll(sources, core) {
		if !taken[p.Name] {
			taken[p.Name] = true
			found = append(found, p)
		}
	}
	return found
}

// findAll are the plugins of sources, those of a name that is taken already too.
func findAll(sources []Source, core string) (plugins []Plugin) {
	for _, source := range sources {
		for _, folder := range source() {
			if p, ok := read(folder, core); ok {
				plugins = append(plugins, p)
			}
		}
	}
	return plugins
}

// read reads one folder; ok is false where it is no plugin at all. A broken one
// is returned with its Err, so that "plugin list" can show it.
func read(folder Folder, core string) (p Plugin, ok bool) {
	manifest, err := packages.ReadManifest(folder.Dir)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return Plugin{}, false
	}
	p = Plugin{Manifest: manifest, Name: manifest.Short(), Folder: folder, Err: err}
	if err != nil {
		p.Name = filepath.Base(folder.Dir)
		p.Manifest.Name = p.Name
		return p, true
	}
	if p.Err = manifest.Fits(core); p.Err == nil {
		p.Program, p.Err = program(folder.Dir, manifest)
	}
	return p, true
}

// program finds what is started, inside the plugin's folder and nowhere else.
func program(dir string, m packages.Manifest) (string, error) {
	rel := m.EntryOn(runtime.GOOS)
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
