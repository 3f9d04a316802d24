package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// staging is the hidden folder on the same file system in which models are made
// ready before a rename makes them exist.
const staging = ".staging"

// Save writes a model's file: whole or not at all. The model keeps its folder
// and, where it has one, its file.
func (s *Store) Save(m *Model, manifest sdk.Manifest) error {
	file := m.File
	if file == "" || filepath.Ext(file) != ".json" {
		file = filepath.Join(m.Dir, "model.json")
	}
	if err := s.write(file, manifest); err != nil {
		return err
	}
	rel, err := filepath.Rel(s.dir, m.Dir)
	if err != nil {
		return err
	}
	s.rescan(map[string]bool{top(filepath.ToSlash(rel)): true})
	return nil
}

func (s *Store) write(file string, manifest sdk.Manifest) error {
	data, err := WriteManifest(manifest)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".model-*.json")
	if err != nil {
		return fmt.Errorf("write %s: %w", s.show(file), err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(0o600), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", s.show(file), err)
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
	if !ValidID(id) {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%q is no model id: use letters, digits, '.', '_' and '-', in parts between slashes", printable(id))
	}
	if _, err := os.Lstat(filepath.Join(s.dir, filepath.FromSlash(id))); !errors.Is(err, fs.ErrNotExist) {
		return nil, sdk.Errorf(sdk.CodeInvalid, "there is a model %q already", id)
	}
	parent := filepath.Join(s.dir, staging)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("stage %s: %w", id, err)
	}
	dir, err := os.MkdirTemp(parent, "m")
	if err != nil {
		return nil, fmt.Errorf("stage %s: %w", id, err)
	}
	return &Stage{Dir: dir, store: s, id: id}, nil
}

// Commit writes the model file last and gives the folder its name: from then on
// the model exists.
func (st *Stage) Commit(manifest sdk.Manifest) error {
	manifest.ID = st.id
	if err := st.store.write(filepath.Join(st.Dir, "model.json"), manifest); err != nil {
		return err
	}
	target := filepath.Join(st.store.dir, filepath.FromSlash(st.id))
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return fmt.Errorf("commit %s: %w", st.id, err)
	}
	if err := os.Rename(st.Dir, target); err != nil {
		return fmt.Errorf("commit %s: %w", st.id, err)
	}
	st.store.rescan(map[string]bool{top(st.id): true})
	return nil
}

// Discard removes what was staged; after Commit it does nothing.
func (st *Stage) Discard() { _ = os.RemoveAll(st.Dir) }
