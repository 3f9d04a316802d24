package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/enginebay/enginebay/sdk"
)

// Unnamed begins a model whose id is told later, by Name: it may stand in what
// comes in.
func (s *Store) Unnamed() (*Stage, error) {
	parent := filepath.Join(s.dir, staging)
	err := os.MkdirAll(parent, 0o700)
	if err != nil {
		return nil, s.failed(parent, "made", err)
	}
	dir, err := os.MkdirTemp(parent, "m")
	if err != nil {
		return nil, s.failed(parent, "written", err)
	}
	return &Stage{Dir: dir, store: s}, nil
}

// Name says what id the model gets. Errors are those of [Store.Stage].
func (st *Stage) Name(id string) error {
	st.id = id
	return st.store.vacant(id)
}

// CommitAll gives the folder its name with a model file for each manifest; they go
// by the names of their files without ".json". One alone has the id of the stage,
// several have FOLDER/NAME. [sdk.CodeInvalid]: one of them could not be used with
// what is staged; [ErrConflict]: meanwhile the id was taken.
func (st *Stage) CommitAll(manifests map[string]sdk.Manifest) error {
	s := st.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.vacant(st.id); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(manifests)) {
		manifest := manifests[name]
		if manifest.ID = st.id; len(manifests) > 1 && name != "model" {
			manifest.ID += "/" + name
		}
		if err := s.write(filepath.Join(st.Dir, name+".json"), manifest); err != nil {
			return err
		}
	}
	if err := st.usable(); err != nil {
		return sdk.Errorf(sdk.CodeInvalid, "The model '%s' could not be used: %v", st.id, err)
	}
	if err := st.publish(); err != nil {
		return err
	}
	return s.reread(place{s.roots[0], top(st.id)})
}

// usable says what stands against the models as they are staged.
func (st *Stage) usable() error {
	models, err := Look(st.Dir)
	if err == nil && len(models) == 0 {
		err = errors.New("there is no model")
	}
	for _, m := range models {
		if m.Err != nil && len(models) > 1 {
			err = errors.Join(err, fmt.Errorf("%s: %w", filepath.Base(m.path()), m.Err))
		} else {
			err = errors.Join(err, m.Err)
		}
	}
	return err
}
