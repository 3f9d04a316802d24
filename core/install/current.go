package install

import (
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A Folder is an installed package that is in use.
type Folder struct {
	Name     string // short: "llamacpp"
	FullName string // "enginebay/llamacpp"
	Version  string
	Dir      string // absolute; its content is that of Digest, or must not be run
	Digest   string // "sha256:…" of the package
}

// Current returns what the host is to run, by name: one folder for each installed
// plugin. It reads one small file, and looks at none of the folders.
func Current(home string) ([]Folder, error) {
	return folders(home, func(t *title) string { return t.Current })
}

// folders are those of one edition of each plugin; of none where choose names none.
func folders(home string, choose func(*title) string) ([]Folder, error) {
	home, err := filepath.Abs(home)
	if err != nil {
		return nil, err
	}
	b, err := readBook(home)
	if err != nil {
		return nil, err
	}
	var all []Folder
	for _, name := range slices.Sorted(maps.Keys(b.Plugins)) {
		if digest := choose(b.Plugins[name]); digest != "" {
			all = append(all, b.folder(home, name, digest))
		}
	}
	return all, nil
}

func (b book) folder(home, name, digest string) Folder {
	return Folder{Name: path.Base(name), FullName: name, Version: b.Plugins[name].Editions[digest].Version,
		Dir: treeDir(home, digest), Digest: digest}
}

// storeDir holds the trees, and what is on its way to become one.
func storeDir(home string) string { return filepath.Join(home, "plugins", "store") }

func treeDir(home, digest string) string {
	return filepath.Join(storeDir(home), strings.TrimPrefix(digest, "sha256:"))
}
