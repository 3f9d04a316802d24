package store

import (
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

// weightExtensions are the files that hold weights. Of a folder that has
// several kinds, as publishers' own folders do, the first kind counts.
var weightExtensions = []string{".gguf", ".safetensors", ".ggml", ".bin"}

func extension(name string) string { return strings.ToLower(filepath.Ext(name)) }

func isWeight(name string) bool { return slices.Contains(weightExtensions, extension(name)) }

// listing is what lies in a folder, by name and in order; hidden things do not count.
type listing struct {
	dir   string
	files []string
	dirs  []string // links to folders too
}

func list(dir string) (listing, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return listing{}, err
	}
	l := listing{dir: dir}
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasPrefix(name, "."):
		case e.IsDir(), e.Type()&fs.ModeSymlink != 0 && isLinkedFolder(filepath.Join(dir, name)):
			l.dirs = append(l.dirs, name)
		default:
			l.files = append(l.files, name)
		}
	}
	return l, nil
}

// isLinkedFolder says whether a link leads to a folder, and to none that the
// link lies in: such a loop would list the same models at every depth.
func isLinkedFolder(link string) bool {
	target, err := filepath.EvalSymlinks(link)
	if err != nil {
		return false
	}
	here, err := filepath.EvalSymlinks(filepath.Dir(link))
	info, statErr := os.Stat(target)
	return err == nil && statErr == nil && info.IsDir() && here != target && !within(here, target)
}

func within(file, dir string) bool { return strings.HasPrefix(file, dir+string(filepath.Separator)) }

// has says whether the folder holds a file of that name.
func (l listing) has(name string) bool {
	_, found := slices.BinarySearch(l.files, name)
	return found
}

// weights are the names of the weight files, without projectors; the first part
// that is there stands for a split model.
func (l listing) weights() []string {
	for _, kind := range weightExtensions {
		var names []string
		whole := map[string]bool{}
		for _, name := range l.files {
			prefix, _, _, split := gguf.SplitPart(name)
			if extension(name) != kind || gguf.IsMMProj(name) || split && whole[prefix] {
				continue
			}
			whole[prefix] = true
			names = append(names, name)
		}
		if len(names) > 0 {
			return names
		}
	}
	return nil
}

// stem is a file's name without its extension and the number of its part.
func stem(name string) string {
	if prefix, _, _, split := gguf.SplitPart(name); split {
		return prefix
	}
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// find returns the file of a source: the one of its name in the folder, else
// the one that its url names here. missing is its name where neither is there.
func (l listing) find(source sdk.Source) (file, missing string) {
	names := []string{source.Filename}
	if file, isPath := localURL(l.dir, source.URL); isPath {
		if existing(file) && !l.holds(source.Filename) {
			return file, ""
		}
		names = append(names, filepath.Base(file))
	} else if u, err := url.Parse(source.URL); err == nil && isWeight(u.Path) {
		names = append(names, path.Base(u.Path))
	}
	for _, name := range names {
		switch {
		case name == "":
		case l.holds(name):
			return filepath.Join(l.dir, filepath.FromSlash(name)), ""
		case missing == "":
			missing = path.Base(name)
		}
	}
	return "", missing
}

// holds says whether a file of that name lies in or below the folder.
func (l listing) holds(name string) bool {
	name = filepath.FromSlash(name)
	return filepath.IsLocal(name) && existing(filepath.Join(l.dir, name))
}

func (l listing) projector() string {
	for _, name := range l.files {
		if isWeight(name) && gguf.IsMMProj(name) {
			return filepath.Join(l.dir, name)
		}
	}
	return ""
}
