package store

import (
	"path/filepath"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// Look reads the models of a folder that is in no store, as a store would that had
// it: in every shape, with what its weights say. Their ids begin with the folder's
// name. None: the folder has neither model files nor weights of its own.
func Look(dir string) ([]*Model, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	l, err := list(dir)
	if err != nil {
		return nil, err
	}
	above := filepath.Dir(dir)
	s := &Store{dir: above, roots: []*root{{dir: above, name: nameOf(above, nil)}}, drops: newDropIns()}
	return s.scanFiles(filepath.Base(dir), l), nil
}

// IsModelFile says whether a file of that name is read as a model file.
func IsModelFile(name string) bool {
	name = filepath.Base(name)
	return !strings.HasPrefix(name, ".") && (name == "model.yml" || strings.HasSuffix(name, ".json") && !otherJSON.MatchString(name))
}

// Written is what the model file itself says, in the canonical form and without
// what was filled in; empty where there is no file or where it cannot be read. It
// may be changed.
func (m *Model) Written() (sdk.Manifest, error) {
	if m.read == nil {
		return sdk.Manifest{}, nil
	}
	return copied(m.read.manifest)
}

// Legible says whether the model's file, if it has one, could be read.
func (m *Model) Legible() bool { return m.File == "" || m.read != nil && m.read.err == nil }

// Sanitized is the id that a path below the models folder has.
func Sanitized(rel string) string { return sanitize(rel) }
