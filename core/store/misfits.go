package store

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/enginebay/enginebay/sdk/gguf"
)

// misfits are files that somebody took for a model, each listed with the reason
// why it is none: projectors without their model, and packed models.
func (s *Store) misfits(l listing, rel string) (models []*Model) {
	for _, name := range l.files {
		err := s.misfit(filepath.Join(l.dir, name))
		if err == nil || slices.Contains(l.dirs, stem(name)) { // an archive beside what came out of it
			continue
		}
		id := rel
		if rel == "" {
			id = stem(name)
		}
		m := broken(id, l.dir, err)
		m.Files = []string{filepath.Join(l.dir, name)} // so that it can be purged
		models = append(models, m)
		if rel != "" {
			break
		}
	}
	return models
}

// misfit says why a file is no model, where one would think that it is.
func (s *Store) misfit(file string) error {
	name := filepath.Base(file)
	switch {
	case isWeight(name) && gguf.IsMMProj(name):
		return fmt.Errorf("%s is the projector of a vision model, and that model is not beside it: move it into the model's folder", name)
	case extension(name) == ".zip" && s.packed(file):
		return fmt.Errorf("%s is a packed model: \"enginebay import\" unpacks it", name)
	}
	return nil
}

// packed says whether an archive holds a model.
func (s *Store) packed(file string) bool {
	holds, err := s.cache.archives.of(file, func(os.FileInfo) (*bool, error) {
		holds, err := holdsModel(file)
		return &holds, err
	})
	return err == nil && *holds
}

func holdsModel(file string) (bool, error) {
	if !existing(file) { // opening a FIFO would block
		return false, errors.New("no regular file")
	}
	archive, err := zip.OpenReader(file)
	if err != nil {
		return false, err
	}
	defer archive.Close()
	return slices.ContainsFunc(archive.File, func(f *zip.File) bool {
		return extension(f.Name) == ".gguf" || path.Base(f.Name) == "model.json"
	}), nil
}
