package store

import (
	"errors"
	"io/fs"
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
