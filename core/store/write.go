package store

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// staging is the hidden folder on the same file system in which models are made
// ready before a rename makes them exist.
const staging = ".staging"

// Save writes a model's file: whole or not at all. manifest is that of m, with
// what the caller changed in a copy of it. The model keeps its id, its folder and,
// where it has one, its file. Loose weights get a folder.
func (s *Store) Save(m *Model, manifest sdk.Manifest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rel, err := filepath.Rel(s.dir, filepath.Dir(m.home))
	if err != nil {
		return err
	}
	changed := top(filepath.ToSlash(rel))
	if m.File == "" {
		err = s.settle(m, s.folders[changed])
	}
	if err == nil {
		err = s.write(m.home, m.unfilled(manifest))
	}
	return errors.Join(err, s.update(func(name string) bool { return name == changed }))
}

// unfilled takes out of a changed manifest what the store had filled in and
// nobody changed: written down, it would outlive the folder's name and the
// weights that it came from.
func (m *Model) unfilled(changed sdk.Manifest) sdk.Manifest {
	var file sdk.Manifest
	if m.read != nil {
		file = m.read.manifest
	}
	for _, text := range []struct{ now, filled, file *string }{
		{&changed.ID, &m.Manifest.ID, &file.ID},
		{&changed.Object, &m.Manifest.Object, &file.Object},
		{&changed.Name, &m.Manifest.Name, &file.Name},
		{&changed.Version, &m.Manifest.Version, &file.Version},
		{&changed.OwnedBy, &m.Manifest.OwnedBy, &file.OwnedBy},
		{&changed.Format, &m.Manifest.Format, &file.Format},
		{&changed.Engine, &m.Manifest.Engine, &file.Engine},
	} {
		if *text.now == *text.filled {
			*text.now = *text.file
		}
	}
	if changed.Created == m.Manifest.Created {
		changed.Created = file.Created
	}
	changed.Metadata = maps.Clone(changed.Metadata)
	maps.DeleteFunc(changed.Metadata, func(key string, value any) bool {
		_, inFile := file.Metadata[key]
		return !inFile && reflect.DeepEqual(value, m.Manifest.Metadata[key])
	})
	return changed
}

// settle makes the place for a model's first file, so that every model of the
// folder keeps its id: loose weights move into a folder of that name; several
// weights in one folder get one file each.
func (s *Store) settle(m *Model, others []*Model) error {
	if m.loose() {
		return s.house(m)
	}
	for _, other := range others {
		if other.Dir != m.Dir || other.File != "" || other.home == m.home || len(other.Files) == 0 {
			continue
		}
		weights := sdk.Source{Filename: filepath.Base(other.Files[0])}
		if err := s.write(other.home, sdk.Manifest{Sources: []sdk.Source{weights}}); err != nil {
			return err
		}
	}
	return nil
}

// house moves loose weights into a folder of their own. At no time are they
// without an id: a folder of weights has the same one.
func (s *Store) house(m *Model) error {
	dir := filepath.Dir(m.home)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", s.show(dir), unwrapped(err))
	}
	for _, file := range m.Files {
		if err := os.Rename(file, filepath.Join(dir, filepath.Base(file))); err != nil {
			return fmt.Errorf("move %s: %w", s.show(file), unwrapped(err))
		}
	}
	return nil
}

func (s *Store) write(file string, manifest sdk.Manifest) error {
	data, err := WriteManifest(manifest)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".model-*.json")
	if err != nil {
		return fmt.Errorf("write %s: %w", s.show(file), unwrapped(err))
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(0o600), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", s.show(file), unwrapped(err))
	}
	return nil
}

// top is the first segment of a path.
func top(rel string) string {
	name, _, _ := strings.Cut(rel, "/")
	return name
}

// A Stage is a model in the making: a hidden folder that nobody lists.
type Stage struct {
	Dir   string // put the weights here
	store *Store
	id    string
}

// Stage begins a model of the given id. [sdk.CodeInvalid]: the id cannot be one,
// or is taken.
func (s *Store) Stage(id string) (*Stage, error) {
	if err := s.vacant(id); err != nil {
		return nil, err
	}
	parent := filepath.Join(s.dir, staging)
	err := os.MkdirAll(parent, 0o700)
	if err != nil {
		return nil, fmt.Errorf("stage %s: %w", id, unwrapped(err))
	}
	dir, err := os.MkdirTemp(parent, "m")
	if err != nil {
		return nil, fmt.Errorf("stage %s: %w", id, unwrapped(err))
	}
	return &Stage{Dir: dir, store: s, id: id}, nil
}

// vacant says what stands against a new model of that id.
func (s *Store) vacant(id string) error {
	if !ValidID(id) {
		return sdk.Errorf(sdk.CodeInvalid, "%q is no model id: use letters, digits, '.', '_' and '-', in parts between slashes that begin with no '.'", printable(id))
	}
	if strings.Count(id, "/")+1 > maxDepth {
		return sdk.Errorf(sdk.CodeInvalid, "%q has too many parts: use at most %d", printable(id), maxDepth)
	}
	target := filepath.Join(s.dir, filepath.FromSlash(id))
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		return sdk.Errorf(sdk.CodeInvalid, "there is a model %q already", id)
	}
	for _, m := range s.Models() {
		switch {
		case m.ID == id:
			return sdk.Errorf(sdk.CodeInvalid, "there is a model %q already", id)
		case m.Dir != s.dir && within(target, m.Dir):
			return sdk.Errorf(sdk.CodeInvalid, "%s is a model itself, and nothing below it is listed: use another id than %q", s.show(m.Dir), id)
		}
	}
	return nil
}

// Commit writes the model file last and gives the folder its name: from then on
// the model exists. [sdk.CodeInvalid]: meanwhile the id was taken.
func (st *Stage) Commit(manifest sdk.Manifest) error {
	s := st.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.vacant(st.id); err != nil {
		return err
	}
	manifest.ID = st.id
	if err := s.write(filepath.Join(st.Dir, "model.json"), manifest); err != nil {
		return err
	}
	target := filepath.Join(s.dir, filepath.FromSlash(st.id))
	err := os.MkdirAll(filepath.Dir(target), 0o700)
	if err == nil {
		err = os.Rename(st.Dir, target)
	}
	if err != nil {
		return fmt.Errorf("commit %s: %w", st.id, unwrapped(err))
	}
	return s.update(func(name string) bool { return name == top(st.id) })
}

// Discard removes what was staged; after Commit it does nothing.
func (st *Stage) Discard() { _ = os.RemoveAll(st.Dir) }
