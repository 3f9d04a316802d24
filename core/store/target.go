package store

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// maxName leaves room in a file's name for what a download puts around it.
const maxName = 255 - len("..part.json")

// A Target is a file that a model needs.
type Target struct {
	Source sdk.Source
	Path   string // absolute; empty where nobody knows its name before its address was asked
	Whole  bool   // it is there, and as large as its source says
}

// Targets are the files of a model's sources, where each belongs and whether it
// is there now; all parts of a split file, where one of them is named. What is not
// whole lies in the model's folder, behind no link in it, and may be fetched there.
//
// [ErrConflict]: a file that is missing has no address, or no place.
func (m *Model) Targets() ([]Target, error) {
	var targets []Target
	whole := true
	for i, source := range allParts(m.Manifest.Sources) {
		t := Target{Source: source, Path: m.instead, Whole: true}
		if i > 0 || m.instead == "" {
			var err error
			if t, err = m.target(source); err != nil {
				return nil, Conflict("The model '%s' cannot be downloaded: %v", m.ID, err)
			}
		}
		targets = append(targets, t)
		whole = whole && t.Whole
	}
	if m.ReadOnly && !whole {
		return nil, Conflict("The model '%s' cannot be downloaded: it lies in a folder that is only read (setting model_dirs)", m.ID)
	}
	return targets, nil
}

func (m *Model) target(source sdk.Source) (t Target, err error) {
	file, missing := listing{dir: m.Dir}.find(source)
	switch {
	case file != "" && isWhole(file, source):
		return Target{source, file, true}, nil
	case isLocal(source):
		return t, fmt.Errorf("no address says where to fetch %s", filepath.Base(file+missing))
	case source.Filename == "":
		return Target{source, "", false}, nil
	}
	file, err = m.place(source.Filename)
	return Target{source, file, false}, err
}

// place is where a file of that name belongs, if one may be put there.
func (m *Model) place(name string) (string, error) {
	rel := filepath.FromSlash(name)
	if !filepath.IsLocal(rel) || len(path.Base(name)) > maxName {
		return "", fmt.Errorf("%q can be no file of its folder", printable(name))
	}
	if !strings.Contains(name, "/") && IsModelFile(strings.ToLower(name)) {
		return "", fmt.Errorf("%q is the name of a model file, and nothing is fetched in the place of one", printable(name))
	}
	file, dirs := m.Dir, strings.Split(rel, string(filepath.Separator))
	for i, dir := range dirs {
		file = filepath.Join(file, dir)
		info, err := os.Lstat(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return filepath.Join(m.Dir, rel), nil
		case err != nil:
			return "", fmt.Errorf("%s: %w", dir, unwrapped(err))
		case info.Mode()&fs.ModeSymlink != 0:
			return "", fmt.Errorf("%s in its folder is a link, and nothing is written through one", dir)
		case i < len(dirs)-1 && !info.IsDir(), i == len(dirs)-1 && !info.Mode().IsRegular():
			return "", fmt.Errorf("%s in its folder is something else than its source says", dir)
		}
	}
	return file, nil
}

// isWhole says whether a file that is there is as large as its source says.
func isWhole(file string, source sdk.Source) bool {
	if source.Size == 0 {
		return true
	}
	info, err := os.Stat(file)
	return err == nil && source.Size == info.Size()
}

// allParts are sources and, of a split file of which they name not every part, the
// other parts: those lie beside it, here and where they are fetched.
func allParts(sources []sdk.Source) []sdk.Source {
	i := slices.IndexFunc(sources, func(source sdk.Source) bool {
		_, _, _, split := gguf.SplitPart(source.Filename)
		return split && !isLocal(source)
	})
	if i < 0 {
		return sources
	}
	known := map[string]bool{}
	for _, source := range sources {
		known[source.Filename] = true
	}
	all := slices.Clone(sources)
	for _, source := range sources[i:] {
		for _, other := range siblings(source) {
			if !known[other.Filename] {
				known[other.Filename] = true
				all = append(all, other)
			}
		}
	}
	return all
}

// siblings are all parts of the split file that a source is one of.
func siblings(source sdk.Source) []sdk.Source {
	_, _, count, split := gguf.SplitPart(source.Filename)
	u, err := url.Parse(source.URL)
	if !split || err != nil || isLocal(source) {
		return nil
	}
	if _, _, n, remote := gguf.SplitPart(u.Path); !remote || n != count {
		return nil
	}
	names, paths := gguf.Parts(source.Filename), gguf.Parts(u.Path)
	all := make([]sdk.Source, count)
	for i := range all {
		u.Path, u.RawPath = paths[i], ""
		all[i] = sdk.Source{Filename: names[i], URL: u.String()}
	}
	return all
}

// partials are what downloads of a model have left beside their targets: half a
// file each, and the journal that tells how far it is (core/download).
func (m *Model) partials() []string {
	var files []string
	for _, source := range allParts(m.Manifest.Sources) {
		file, err := m.place(source.Filename)
		if source.Filename == "" || isLocal(source) || err != nil {
			continue
		}
		dir, name := filepath.Split(file)
		for _, ending := range []string{".part", ".part.json"} {
			if info, err := os.Lstat(dir + "." + name + ending); err == nil && !info.IsDir() {
				files = append(files, dir+"."+name+ending)
			}
		}
	}
	return files
}
