package packages

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// A Package is a tree that is whole: every file is as SHA256SUMS says.
type Package struct {
	Manifest
	Digest    string // "sha256:…"
	Files     []File // sorted by path, without the two that vouch for them
	Size      int64  // bytes of Files
	Signature []byte // nil: unsigned

	sums []byte
}

// ErrLoose is the error of a folder that has no SHA256SUMS.
var ErrLoose = errors.New("the folder is no package: it has no " + SumsFile)

// Altered is the error of a tree that is not as its SHA256SUMS says.
type Altered struct {
	Changed, Missing, Additional []string // paths
}

func (e *Altered) Error() string {
	var parts []string
	add := func(paths []string, one, many string) {
		switch n := len(paths); {
		case n == 1:
			parts = append(parts, fmt.Sprintf("%.200s %s", shown(paths[0]), one))
		case n > 1:
			parts = append(parts, fmt.Sprintf("%.200s and %d more %s", shown(paths[0]), n-1, many))
		}
	}
	add(e.Changed, "was changed", "were changed")
	add(e.Missing, "is missing", "are missing")
	add(e.Additional, "was added", "were added")
	return "the package is not as it was made: " + strings.Join(parts, "; ")
}

// Open reads the package in a folder and checks the whole tree. [ErrLoose]: the
// folder is none; [*Altered]: it was changed. Who signed it, see
// [Package.SignedBy]; whether it runs here, see [Manifest.Fits].
func Open(dir string) (Package, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Package{}, err
	}
	defer root.Close()
	var p Package
	p.sums, err = readSmall(root, SumsFile, maxSums)
	if errors.Is(err, fs.ErrNotExist) {
		return Package{}, ErrLoose
	}
	if err != nil {
		return Package{}, err
	}
	listed, err := parse(p.sums)
	if err != nil {
		return Package{}, fmt.Errorf("%s: %w", SumsFile, err)
	}
	if p.Signature, err = readSmall(root, SignatureFile, maxSignature); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Package{}, err
	}
	p.Digest = digest(p.sums)
	if err := p.check(root, listed); err != nil {
		return Package{}, err
	}
	return p, p.readManifest(root, filepath.Base(dir))
}

const maxSignature = 4 << 10 // bytes

// check compares the tree with what is listed, and takes its files.
func (p *Package) check(root *os.Root, listed []File) error {
	found, err := (&walk{root: root}).files()
	if err != nil {
		return err
	}
	there := map[string]File{}
	for _, f := range found {
		there[f.Path] = f
	}
	delete(there, SumsFile)
	delete(there, SignatureFile)
	var altered Altered
	for _, want := range listed {
		f, ok := there[want.Path]
		if !ok {
			altered.Missing = append(altered.Missing, want.Path)
			continue
		}
		delete(there, want.Path)
		if f.SHA256, err = sum(root, f); err != nil {
			return err
		}
		if f.SHA256 != want.SHA256 {
			altered.Changed = append(altered.Changed, f.Path)
		}
		p.Files, p.Size = append(p.Files, f), p.Size+f.Size
	}
	for name := range there {
		altered.Additional = append(altered.Additional, name)
	}
	if slices.Sort(altered.Additional); len(altered.Changed)+len(altered.Missing)+len(altered.Additional) > 0 {
		return &altered
	}
	return nil
}

// readManifest reads plugin.json, the one that was checked.
func (p *Package) readManifest(root *os.Root, folder string) error {
	i := slices.IndexFunc(p.Files, func(f File) bool { return f.Path == ManifestFile })
	if i < 0 {
		return fmt.Errorf("the package has no %s", ManifestFile)
	}
	text, err := readSmall(root, ManifestFile, maxManifest)
	if err != nil {
		return err
	}
	if hashOf(text) != p.Files[i].SHA256 {
		return &Altered{Changed: []string{ManifestFile}}
	}
	if p.Manifest, err = ParseManifest(path.Join(folder, ManifestFile), text); err != nil {
		return err
	}
	entry := p.EntryOn(p.system())
	i = slices.IndexFunc(p.Files, func(f File) bool { return f.Path == entry })
	if i >= 0 && runtime.GOOS == "windows" { // which has no such bit
		p.Files[i].Executable = true
	}
	if i < 0 || !p.Files[i].Executable {
		return fmt.Errorf("entry %q of plugin %s is not in the package, or no program", entry, p.Name)
	}
	return nil
}

// system is the operating system that the package is for.
func (m Manifest) system() string { return cmp.Or(m.Platform.OS, runtime.GOOS) }

// EntryOn is the path of the program in a package for an operating system.
func (m Manifest) EntryOn(os string) string {
	if os == "windows" && path.Ext(m.Entry) == "" {
		return m.Entry + ".exe"
	}
	return m.Entry
}

// Seal makes a package of the folder that it lies in: it writes SHA256SUMS, and
// removes a signature over another. Links, and files that [Gather] passes over, are
// an error.
func Seal(dir string) (Package, error) {
	p, err := Gather(dir)
	if err != nil {
		return Package{}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Package{}, err
	}
	defer root.Close()
	if old, err := readSmall(root, SumsFile, maxSums); err != nil || !bytes.Equal(old, p.sums) {
		for _, name := range []string{SumsFile, SignatureFile} {
			if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return Package{}, err
			}
		}
		if err := root.WriteFile(SumsFile, p.sums, 0o644); err != nil {
			return Package{}, err
		}
	}
	return Open(dir)
}

// readSmall reads a regular file of at most so many bytes.
func readSmall(root *os.Root, name string, most int64) ([]byte, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%s is too large, or no file", name)
	}
	f, err := openFile(root, File{Path: name, Size: info.Size()})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}
