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
	s := &Store{dir: above, roots: []*root{{dir: above, name: nameOf(above, nil)}}} // scanFiles would write into the folder
	if files := l.modelFiles(); len(files) > 0 {
		return s.readFiles(filepath.Base(dir), l, files), nil
	}
	return s.loose(l, filepath.Base(dir)), nil
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

// Generated is the model file that a store makes for whole GGUF files and their
// projector, which may be empty, by what their headers say.
func Generated(files []string, projector string) (sdk.Manifest, error) {
	d := &dropIn{files: files, projector: projector}
	if err := d.read(false); err != nil {
		return sdk.Manifest{}, err
	}
	m := d.manifest()
	delete(m.Metadata, generated) // it is somebody's wish that the model is there
	return m, nil
}
