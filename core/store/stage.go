package store

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// staging is the hidden folder on the same file system in which models are made
// ready before a rename makes them exist.
const staging = ".staging"

// A Stage is a model in the making: a hidden folder that nobody lists.
type Stage struct {
	Dir   string // put the weights here
	store *Store
	id    string
}

// Stage begins a model of the given id. [sdk.CodeInvalid]: the id cannot be one;
// [ErrConflict]: it is taken.
func (s *Store) Stage(id string) (*Stage, error) {
	if err := s.vacant(id); err != nil {
		return nil, err
	}
	stage, err := s.Unnamed()
	if err != nil {
		return nil, err
	}
	stage.id = id
	return stage, nil
}

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

// Create makes a model that brings no weights along: they lie elsewhere on this
// machine, are to be downloaded, or belong to somebody else's service.
// [sdk.CodeInvalid]: the model could never run; [ErrConflict]: the id is taken.
func (s *Store) Create(id string, manifest sdk.Manifest) error {
	stage, err := s.Stage(id)
	if err != nil {
		return err
	}
	defer stage.Discard()
	return stage.Commit(manifest)
}

// vacant says what stands against a new model of that id.
func (s *Store) vacant(id string) error {
	if err := nameable(id); err != nil {
		return err
	}
	_, err := os.Lstat(filepath.Join(s.dir, filepath.FromSlash(id)))
	isTaken := func(m *Model) bool { return m.ID == id }
	if !errors.Is(err, fs.ErrNotExist) || slices.ContainsFunc(s.Models(), isTaken) {
		return Conflict("There is a model '%s' already; use another id", id)
	}
	return s.listed(id)
}

func nameable(id string) error {
	if !ValidID(id) {
		return sdk.Errorf(sdk.CodeInvalid, "%q is no model id: use letters, digits, '.', '_' and '-', in parts between slashes that begin with no '.'", printable(id))
	}
	if strings.Count(id, "/")+1 > maxDepth {
		return sdk.Errorf(sdk.CodeInvalid, "%q has too many parts: use at most %d", printable(id), maxDepth)
	}
	return nil
}

// listed says what stands against a folder of that name being listed.
func (s *Store) listed(id string) error {
	target := filepath.Join(s.dir, filepath.FromSlash(id))
	if link := s.link(filepath.Dir(target)); link != "" {
		return Conflict("%s is a link, and nothing is made behind one: use another id than '%s'", s.show(link), id)
	}
	for _, m := range s.Models() {
		if !s.isRoot(m.Dir) && within(target, m.Dir) {
			return Conflict("%s is a model itself, and nothing below it is listed: use another id than %q", s.show(m.Dir), id)
		}
	}
	return nil
}

// Commit is [Stage.CommitAll] of one model.
func (st *Stage) Commit(manifest sdk.Manifest) error {
	return st.CommitAll(map[string]sdk.Manifest{"model": manifest})
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

// publish gives the folder its name. The caller holds mu.
func (st *Stage) publish() error {
	s := st.store
	target := filepath.Join(s.dir, filepath.FromSlash(st.id))
	err := os.MkdirAll(filepath.Dir(target), 0o700)
	if err == nil {
		err = os.Rename(st.Dir, target)
	}
	if err != nil {
		return s.failed(target, "made", err)
	}
	return nil
}

// Discard removes what was staged; after Commit it does nothing.
func (st *Stage) Discard() { _ = os.RemoveAll(st.Dir) }
