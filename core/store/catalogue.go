package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// A Variant is a model about to be catalogued: it exists before its weights do.
type Variant struct {
	Name     string // of its model file, without ".json"; empty for the folder's only model
	Manifest sdk.Manifest
}

// Catalogue writes the model files of a repository into a folder: all of them, or
// some beside those that it has. It returns the ids that the models have then, in
// the order of the variants. A lone file's model is called FOLDER; it becomes
// FOLDER/FILE when others come, and goes on answering to FOLDER.
//
//	what is there                     what becomes of it
//	no such folder                    it comes with all its files at once
//	a folder of the same repository   the files that it lacks are added
//	a model file of that name         stays; its sources are written anew while its weights are not here
//	a folder of something else        stays: [ErrConflict], use another folder
//
// A folder is of the same repository where the metadata.repository of its models
// says so, or else where one of them has the same first source.
//
// [sdk.CodeInvalid]: a name that cannot be one, a model that could never run; then
// nothing is written.
func (s *Store) Catalogue(folder string, variants []Variant) (ids []string, err error) {
	if err := nameable(folder); err != nil {
		return nil, err
	}
	if err := s.checkVariants(folder, variants); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := place{s.roots[0], top(folder)}
	if err := errors.Join(s.reread(at), s.listed(folder)); err != nil {
		return nil, err
	}
	dir := filepath.Join(s.dir, filepath.FromSlash(folder))
	if err := s.untaken(folder, dir, variants); err != nil {
		return nil, err
	}
	if _, missing := os.Lstat(dir); errors.Is(missing, fs.ErrNotExist) {
		err = s.found(folder, variants)
	} else {
		err = s.extend(folder, dir, variants)
	}
	if err := errors.Join(err, s.reread(at)); err != nil {
		return nil, err
	}
	for _, v := range variants {
		file := filepath.Join(dir, v.file())
		i := slices.IndexFunc(s.Models(), func(m *Model) bool { return m.File == file })
		if i < 0 {
			return nil, sdk.Errorf(sdk.CodeInternal, "%s was written, and is gone again", s.show(file))
		}
		ids = append(ids, s.Models()[i].ID)
	}
	return ids, nil
}

func (v Variant) file() string {
	if v.Name == "" {
		return "model.json"
	}
	return v.Name + ".json"
}

// id is what the variant is called beside others.
func (v Variant) id(folder string) string {
	if stem(v.file()) == "model" {
		return folder
	}
	return folder + "/" + v.Name
}

func (s *Store) checkVariants(folder string, variants []Variant) error {
	seen := map[string]bool{}
	for _, v := range variants {
		file := v.file()
		switch {
		case strings.Contains(v.Name, "/") || !ValidID(v.id(folder)) || len(file) > 255 || otherJSON.MatchString(file):
			return sdk.Errorf(sdk.CodeInvalid, "%q cannot be the name of a model in the folder '%s': use letters, digits, '.', '_' and '-'", printable(v.Name), folder)
		case seen[strings.ToLower(file)]: // to some file systems upper and lower case are one
			return sdk.Errorf(sdk.CodeInvalid, "Two models of the folder '%s' would be called %q: give one another name", folder, v.Name)
		}
		seen[strings.ToLower(file)] = true
		// Not beside the files that are there: those of a model that stays may be older.
		nowhere := filepath.Join(s.dir, ".nowhere", filepath.FromSlash(folder))
		if err := s.judge(v.id(folder), listing{dir: nowhere}, v.Manifest); err != nil {
			return err
		}
	}
	if len(variants) == 0 {
		return sdk.Errorf(sdk.CodeInvalid, "There is no model to be put into the folder '%s'", folder)
	}
	return nil
}

// judge says what stands against a model of this manifest among these files.
func (s *Store) judge(id string, l listing, manifest sdk.Manifest) error {
	_, back, err := textOf(manifest)
	if err != nil {
		return err
	}
	m := newModel(id, l.dir)
	m.Manifest = back
	m.fill(0)
	m.locate(l, true)
	s.inspect(m)
	if m.Err != nil {
		return sdk.Errorf(sdk.CodeInvalid, "The model '%s' could not be used: %v", id, m.Err)
	}
	return nil
}

// untaken says whether one of the ids belongs to a model of another folder: loose
// weights, or a further root's, which would have to give way.
func (s *Store) untaken(folder, dir string, variants []Variant) error {
	ids := map[string]bool{folder: true}
	for _, v := range variants {
		ids[v.id(folder)] = true
	}
	for _, m := range s.Models() {
		if ids[m.ID] && m.Dir != dir {
			return Conflict("There is a model '%s' already, %s: use another folder than '%s'", m.ID, s.show(m.path()), folder)
		}
	}
	return nil
}

// found makes the folder with all its model files. The caller holds mu.
func (s *Store) found(folder string, variants []Variant) error {
	stage, err := s.Stage(folder)
	if err != nil {
		return err
	}
	defer stage.Discard()
	for _, v := range variants {
		v.Manifest.ID = v.id(folder)
		if len(variants) == 1 {
			v.Manifest.ID = folder
		}
		if err := s.write(filepath.Join(stage.Dir, v.file()), v.Manifest); err != nil {
			return err
		}
	}
	return stage.publish()
}

// extend adds to a folder what it lacks. The caller holds mu.
func (s *Store) extend(folder, dir string, variants []Variant) error {
	here, err := s.sameRepository(folder, dir, variants)
	if err != nil {
		return err
	}
	for _, v := range variants {
		file := filepath.Join(dir, v.file())
		if i := slices.IndexFunc(here, func(m *Model) bool { return m.File == file }); i >= 0 {
			err = s.refresh(here[i], v.Manifest)
		} else if _, there := os.Lstat(file); !errors.Is(there, fs.ErrNotExist) {
			err = Conflict("%s is there already, and is no model file: use another folder than '%s'", s.show(file), folder)
		} else {
			v.Manifest.ID = v.id(folder)
			err = s.write(file, v.Manifest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sameRepository returns the models of a folder, where it is one that the
// variants belong to.
func (s *Store) sameRepository(folder, dir string, variants []Variant) (here []*Model, err error) {
	if link := s.link(dir); link != "" {
		return nil, Conflict("%s is a link, and nothing is made behind one: use another folder than '%s'", s.show(link), folder)
	}
	l, err := list(dir)
	if err != nil {
		return nil, Conflict("%s is no folder for models: %v", s.show(dir), unwrapped(err))
	}
	other := Conflict("%s holds something else: use another folder than '%s'", s.show(dir), folder)
	same := len(l.files)+len(l.dirs) == 0
	for _, m := range s.Models() {
		switch {
		case within(m.Dir, dir), m.Dir == dir && filepath.Ext(m.File) != ".json": // a model file would hide them
			return nil, other
		case m.Dir != dir:
			continue
		}
		here = append(here, m)
		ours, theirs := repository(variants[0].Manifest), repository(m.Manifest)
		if ours != "" && theirs != "" && ours != theirs {
			return nil, other
		}
		same = same || ours != "" && ours == theirs || slices.ContainsFunc(variants, func(v Variant) bool { return sameSource(v.Manifest, m.Manifest) })
	}
	if !same {
		return nil, other
	}
	return here, nil
}

// repository is the address of what a model was catalogued from; empty where it
// does not say.
func repository(m sdk.Manifest) string {
	address, _ := m.Metadata["repository"].(string)
	return strings.TrimRight(address, "/")
}

func sameSource(a, b sdk.Manifest) bool {
	return len(a.Sources) > 0 && len(b.Sources) > 0 && a.Sources[0].URL != "" && a.Sources[0].URL == b.Sources[0].URL
}

// refresh writes the sources of a model anew, if its weights are still to come:
// all else may be somebody's own work.
func (s *Store) refresh(m *Model, now sdk.Manifest) error {
	if m.sealed() || m.Ready || len(m.Files) > 0 {
		return nil
	}
	_, back, err := textOf(now)
	if err != nil || reflect.DeepEqual(m.read.manifest.Sources, back.Sources) {
		return err
	}
	manifest, err := copied(m.read.manifest)
	if err != nil {
		return err
	}
	manifest.Sources = back.Sources
	return s.write(m.home, manifest)
}
