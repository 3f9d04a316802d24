package packages

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/enginebay/enginebay/core/portable"
)

// folders and texts are what a package is made of; the rest of a repository, with its
// sources, its history and its secrets, stays out.
var (
	folders = []string{"bin", "libs", "licences"}
	texts   = []string{"README", "LICENSE", "LICENCE", "NOTICE", "COPYING"}
)

// HasFolder says whether all of a folder at the top of a plugin's goes into its package.
func HasFolder(name string) bool { return slices.Contains(folders, name) }

// belongs says whether a name at the top of a plugin's folder goes into its package.
func belongs(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	return name == ManifestFile || name == SettingsFile || HasFolder(name) || slices.Contains(texts, stem)
}

// Sum returns the files of the package that a loose folder would be, sorted by path:
// plugin.json, settings.schema.json, README, LICENSE and NOTICE, and all below bin, libs and licences. Links
// count as what they lead to; one that leads out of the folder is an error.
func Sum(dir string) ([]File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	found, err := (&walk{root: root, takes: belongs}).files()
	if err != nil {
		return nil, err
	}
	found = sorted(found)
	for i, f := range found {
		if found[i].SHA256, err = sum(root, f); err != nil {
			return nil, err
		}
	}
	return found, checkNames(found)
}

// Gather returns the package that a loose folder would be, of the files that [Sum]
// finds.
func Gather(dir string) (Package, error) {
	files, err := Sum(dir)
	if err != nil {
		return Package{}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Package{}, err
	}
	defer root.Close()
	p := Package{Files: files, sums: format(files)}
	for _, f := range files {
		p.Size += f.Size
	}
	p.Digest = digest(p.sums)
	return p, p.readManifest(root, filepath.Base(dir))
}

// A walk finds the files of a tree.
type walk struct {
	root  *os.Root
	takes func(name string) bool // of those at the top; where set, links are followed
	found []File
	seen  int // names, folders included
	size  int64
}

func (w *walk) files() ([]File, error) {
	err := w.folder(".")
	return w.found, err
}

func (w *walk) folder(dir string) error {
	if strings.Count(dir, "/") >= maxDepth {
		return fmt.Errorf("the folder %.100q is too deep, or a link in it leads back", dir)
	}
	entries, err := w.entries(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if w.seen++; w.seen > 2*maxFiles {
			return fmt.Errorf("there are more than %d files", maxFiles)
		}
		if err := w.entry(dir, e); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) entries(dir string) ([]fs.DirEntry, error) {
	f, err := w.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

func (w *walk) entry(dir string, e fs.DirEntry) error {
	name := path.Join(dir, e.Name())
	stat := w.root.Lstat
	if w.takes != nil {
		if dir == "." && !w.takes(name) {
			return nil
		}
		stat = w.root.Stat
	}
	info, err := stat(name)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", shown(name), err)
	case info.IsDir():
		return w.folder(name)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is a link, or no file at all; a package holds files only", shown(name))
	}
	if w.size += info.Size(); w.size > maxSize {
		return fmt.Errorf("it has more than %d bytes", int64(maxSize))
	}
	w.found = append(w.found, File{Path: name, Size: info.Size(), Executable: executable(name, info.Mode())})
	return nil
}

// shown is a name of a tree as a terminal may be given it.
func shown(name string) string {
	if portable.Name(name) != nil {
		return strconv.Quote(name)
	}
	return name
}

// openFile opens a regular file of a tree. What became something else since it
// was looked at is an error.
func openFile(root *os.Root, f File) (*os.File, error) {
	file, err := root.Open(f.Path)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() != f.Size {
		file.Close()
		return nil, errors.Join(err, fmt.Errorf("%s changed while it was read; try again", f.Path))
	}
	return file, nil
}

// sum hashes one file.
func sum(root *os.Root, f File) (string, error) {
	file, err := openFile(root, f)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if err := copyWhole(h, file, f); err != nil {
		return "", err
	}
	return hexSum(h), nil
}

// copyWhole copies a file that must be as long as it was.
func copyWhole(w io.Writer, r io.Reader, f File) error {
	n, err := io.CopyBuffer(w, io.LimitReader(r, f.Size+1), make([]byte, 1<<18))
	if err == nil && n != f.Size {
		err = errors.New("it changed while it was read; try again")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return nil
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
