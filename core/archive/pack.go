package archive

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// pack opens all that goes into the archive of a model.
func pack(m *store.Model, weights bool) (p *parcel, err error) {
	if weights && len(m.Missing) > 0 && len(m.Files) > 0 {
		return nil, sdk.Errorf(sdk.CodeInvalid, "The model '%s' cannot be exported with its weights: %v; fetch them first, or export it without weights", m.ID, m.Err)
	}
	written, err := m.Written()
	if err != nil {
		return nil, err
	}
	if !m.Legible() {
		return nil, sdk.Errorf(sdk.CodeInvalid, "The model '%s' cannot be exported before this is mended: %v", m.ID, m.Err)
	}
	root, err := os.OpenRoot(m.Dir)
	if err != nil {
		return nil, unreadable(m, err)
	}
	p = &parcel{root: root, id: m.ID, list: list{Format: listFormat, Version: listVersion, ID: m.ID}}
	if err := p.fill(m, written, weights); err != nil {
		p.close()
		return nil, unreadable(m, err)
	}
	return p, nil
}

// unreadable is what a user is told; the path in the error is the machine's.
func unreadable(m *store.Model, err error) error {
	if pathErr := (*os.PathError)(nil); errors.As(err, &pathErr) {
		return sdk.Errorf(sdk.CodeInternal, "The model '%s' cannot be exported: %s: %v", m.ID, filepath.Base(pathErr.Path), pathErr.Err)
	}
	return err
}

// fill puts the files into the parcel, the model file first.
func (p *parcel) fill(m *store.Model, manifest sdk.Manifest, weights bool) error {
	names := namesOf(m)
	manifest = shareable(m, manifest, names)
	content, err := text(manifest)
	if err != nil {
		return err
	}
	p.add(item{name: "model.json", text: content, size: int64(len(content)), modified: time.Now()})
	companions, err := p.companions(m, manifest)
	if err != nil {
		return err
	}
	for _, name := range companions {
		if err := p.open(name, p.root.Open); err != nil {
			return err
		}
	}
	if !weights {
		return nil
	}
	for _, w := range names {
		if err := p.open(w.name, func(string) (*os.File, error) { return openWeights(m, w.file) }); err != nil {
			return err
		}
	}
	return nil
}

func (p *parcel) add(f item) {
	p.files = append(p.files, f)
	p.list.Files = append(p.list.Files, sum{Name: f.name, Size: f.size})
}

// open adds a file by the name that it has in the archive.
func (p *parcel) open(name string, open func(name string) (*os.File, error)) error {
	if slices.ContainsFunc(p.files, func(f item) bool { return f.name == name }) {
		return nil
	}
	file, err := open(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return err
	}
	p.add(item{name: name, file: file, size: info.Size(), modified: info.ModTime()})
	return nil
}

// openWeights opens a file of weights. One that lies elsewhere must be weights: a
// model file may name any file of this machine, and who may change model files and
// read exports is not therefore to read all of them.
func openWeights(m *store.Model, name string) (*os.File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(name)
	home, _ := filepath.EvalSymlinks(m.Dir)
	if rel, relErr := filepath.Rel(home, real); err == nil && relErr == nil && filepath.IsLocal(rel) {
		return file, nil
	}
	var magic [4]byte
	if _, err := file.ReadAt(magic[:], 0); err != nil || string(magic[:]) != "GGUF" {
		_ = file.Close()
		return nil, sdk.Errorf(sdk.CodeInvalid, "The model '%s' cannot be exported: %s lies outside of its folder, and is no GGUF file", m.ID, filepath.Base(name))
	}
	return file, nil
}

// companions are the files that go with a model beside its weights: those that it
// names and, where it is the only one of its folder, those that lie there:
// tokenizers, licences. What a link leads to is somebody else's.
func (p *parcel) companions(m *store.Model, manifest sdk.Manifest) ([]string, error) {
	names := slices.Clone(manifest.Assets)
	for _, source := range manifest.Sources {
		names = append(names, source.Filename)
	}
	models, err := store.Look(m.Dir)
	if err == nil && len(models) == 1 && m.File != "" {
		var entries []os.DirEntry
		entries, err = os.ReadDir(m.Dir)
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return !p.goesAlong(name) }), err
}

// goesAlong says whether a file of the folder is none of the weights, which are
// listed apart, and no model file, which is written anew.
func (p *parcel) goesAlong(name string) bool {
	if strings.HasPrefix(path.Base(name), ".") || !filepath.IsLocal(filepath.FromSlash(name)) || store.IsWeights(name) || store.IsModelFile(name) {
		return false
	}
	info, err := p.root.Lstat(filepath.FromSlash(name))
	return err == nil && info.Mode()&fs.ModeType == 0
}

// A weight is a file of weights and the name that it has in the archive.
type weight struct{ file, name string }

// namesOf are the weights and the projector of a model.
func namesOf(m *store.Model) (names []weight) {
	for _, file := range slices.Concat(m.Files, []string{m.MMProj}) {
		if file != "" {
			names = append(names, weight{file, nameOf(m, file)})
		}
	}
	return names
}

// nameOf is where a file lies in the model's folder or, of one that lies elsewhere,
// what its source calls it. Parts of a split model are known by their own names.
func nameOf(m *store.Model, file string) string {
	if rel, err := filepath.Rel(m.Dir, file); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	if filepath.Ext(file) == "" { // a blob of another tool's store
		for _, source := range m.Manifest.Sources {
			if source.Filename != "" && filepath.Base(source.URL) == filepath.Base(file) {
				return source.Filename
			}
		}
	}
	return filepath.Base(file)
}
