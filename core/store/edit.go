package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// Edit changes a model's file: whole or not at all. change gets the manifest as
// it is now, defaults filled in, and changes it; an error of its own is returned,
// and nothing is written. Edits come one after the other, so that none loses what
// another did; change must not use the store. The model keeps its id, its folder
// and, where it has one, its file. Loose weights get a folder.
//
// Errors: [sdk.CodeNotFound]; [sdk.CodeInvalid] for another id, for what the
// schema refuses, and for a model whose file cannot be read.
func (s *Store) Edit(id string, change func(*sdk.Manifest) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.latest(id)
	if err != nil {
		return err
	}
	if err := s.fixed(m); err != nil {
		return err
	}
	if m.sealed() {
		return sdk.Errorf(sdk.CodeInvalid, "The model '%s' cannot be changed before this is mended: %v", m.ID, m.Err)
	}
	manifest, err := copied(m.Manifest)
	if err != nil {
		return err
	}
	if err := change(&manifest); err != nil {
		return err
	}
	if manifest.ID != m.ID {
		return sdk.Errorf(sdk.CodeInvalid, "The id of the model '%s' cannot be changed: it is its path in the models folder; rename that", m.ID)
	}
	at := s.placeOf(m.Dir)
	if m.File == "" {
		err = s.settle(m, at.root.folders[at.folder])
	}
	if err == nil {
		err = s.write(m.home, m.unfilled(manifest))
	}
	return errors.Join(err, s.reread(at))
}

// Refresh reads a model's folder again, and returns the model as it is now.
// [sdk.CodeNotFound]: it is no more.
func (s *Store) Refresh(id string) (*Model, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest(id)
}

// latest reads a model's folder again and returns the model. The caller holds mu.
func (s *Store) latest(id string) (*Model, error) {
	at := place{s.roots[0], top(id)}
	if m := s.index.Load().model(id); m != nil {
		at = s.placeOf(m.Dir)
	}
	if err := s.reread(at); err != nil {
		return nil, err
	}
	ix := s.index.Load()
	if m := ix.model(id); m != nil {
		return m, nil
	}
	return nil, ix.missing(id)
}

// top is the first segment of a path.
func top(rel string) string {
	name, _, _ := strings.Cut(rel, "/")
	return name
}

// sealed says whether the model has a file that cannot be read, or no place for
// one: a written one would take the place of what only a person can mend.
func (m *Model) sealed() bool {
	if m.File != "" {
		return m.read == nil || m.read.err != nil
	}
	return m.home == "" || len(m.Files) == 0 || m.held
}

// copied is a manifest that may be changed, with maps to write into.
func copied(m sdk.Manifest) (sdk.Manifest, error) {
	var c sdk.Manifest
	text, err := writeManifest(m)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	for _, values := range []*map[string]any{&c.Settings, &c.Parameters, &c.Metadata} {
		if *values == nil {
			*values = map[string]any{}
		}
	}
	return c, err
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
		filled, wasThere := m.Manifest.Metadata[key]
		_, inFile := file.Metadata[key]
		return wasThere && !inFile && sameJSON(value, filled)
	})
	return changed
}

// sameJSON says whether two values are written in the same way: 7 is then a
// json.Number too.
func sameJSON(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
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
		return s.failed(dir, "made", err)
	}
	for _, file := range m.Files {
		if err := os.Rename(file, filepath.Join(dir, filepath.Base(file))); err != nil {
			return s.failed(file, "moved", err)
		}
	}
	return nil
}
