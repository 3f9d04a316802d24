package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// read reads one model file.
func (s *Store) read(id string, l listing, name string, alone bool) *Model {
	file := filepath.Join(l.dir, name)
	m := newModel(id, l.dir)
	m.File, m.home = file, file
	if filepath.Ext(name) != ".json" {
		m.home = filepath.Join(l.dir, "model.json")
	}
	read, err := s.cache.manifests.of(file, func(info os.FileInfo) (*parsed, error) {
		p := parseFile(file, s.show(file))
		p.modified = info.ModTime().Unix()
		return &p, p.err
	})
	if err != nil {
		read = &parsed{err: fmt.Errorf("%s: %w", s.show(file), unwrapped(err))}
	}
	m.read, m.Manifest, m.Warnings, m.Err = read, read.manifest, read.warnings, read.err
	m.fill(read.modified)
	if m.Err == nil {
		m.locate(l, alone)
		for i := len(read.warnings); i < len(m.Warnings); i++ {
			m.Warnings[i].File = s.show(file)
		}
		m.safetensors(read.manifest)
		s.inspect(m)
	}
	return m
}

// bare makes a model of weights without a model file; home is where one would be.
func (s *Store) bare(id string, l listing, name, home string) *Model {
	m := newModel(id, l.dir)
	m.home = home
	m.use(l, filepath.Join(l.dir, name))
	m.Ready = len(m.Missing) == 0
	if !m.loose() {
		m.MMProj = l.projector()
	}
	var created int64
	if info, err := os.Stat(filepath.Join(l.dir, name)); err == nil {
		created = info.ModTime().Unix()
	}
	m.fill(created)
	m.safetensors(sdk.Manifest{})
	s.inspect(m)
	return m
}

func broken(rel, dir string, err error) *Model {
	m := newModel(rel, dir)
	m.Err = err
	m.fill(0)
	return m
}

// fill gives the manifest what a file may leave out. The folder, not the file,
// says what the id is; an id in the file is another name for the model.
func (m *Model) fill(created int64) {
	if alias := m.Manifest.ID; alias != m.ID && ValidID(alias) {
		m.alias = alias
	}
	m.Manifest.ID = m.ID
	m.Manifest = Complete(m.Manifest, Defaults{Name: path.Base(m.ID), Created: created})
	m.Manifest.Metadata = cloneMap(m.Manifest.Metadata)
}

// safetensors says what a model of such weights is, where its file does not.
func (m *Model) safetensors(file sdk.Manifest) {
	if len(m.Files) == 0 || extension(m.Files[0]) != ".safetensors" || file.Format != "" {
		return
	}
	m.Manifest.Format = "safetensors"
	if file.Engine == "" && !file.Routed() {
		m.Manifest.Engine = "tensorrt"
	}
}

// inspect looks at the head of the weights and says what stands against using them.
func (s *Store) inspect(m *Model) {
	switch {
	case m.Err != nil || m.Remote():
		return
	case m.Ready:
		m.Err = s.look(m)
		m.Ready = m.Err == nil
	case m.fetchable():
	case len(m.Missing) > 0 && len(m.Files) > 0:
		m.Err = fmt.Errorf("of %d files these are missing: %s", len(m.Files)+len(m.Missing), strings.Join(m.Missing, ", "))
	case len(m.Missing) > 0:
		m.Err = fmt.Errorf("%s is not there, or is no regular file, and no source to get it from is named", m.Missing[0])
	default:
		m.Err = errors.New("there are no weights here, and no source to get them from")
	}
}

// look reads the head of the weights and adds to the metadata what they say.
func (s *Store) look(m *Model) error {
	first := m.Files[0]
	if m.isGGUF() {
		peeked, err := s.cache.headers.of(first, func(os.FileInfo) (*headed, error) {
			header, err := gguf.Peek(first)
			return &headed{header, err}, err
		})
		if err == nil {
			err = peeked.err
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(first), unwrapped(err))
		}
		if peeked.header.IsMMProj {
			return fmt.Errorf("%s is the projector of a vision model, not a model", filepath.Base(first))
		}
		m.Header = peeked.header
	}
	m.size = sizeOf(m.Files)
	m.describe()
	return nil
}

// isGGUF says whether the first file is to be read as GGUF: by its name or, where
// that says nothing, as the blobs of other tools' stores do, by the source's.
func (m *Model) isGGUF() bool {
	first := m.Files[0]
	if isWeight(first) || len(m.Manifest.Sources) == 0 {
		return extension(first) == ".gguf"
	}
	return extension(m.Manifest.Sources[0].Filename) == ".gguf"
}

// describe adds to the metadata what the weights say.
func (m *Model) describe() {
	add := func(key string, value any, known bool) {
		if _, there := m.Manifest.Metadata[key]; known && !there {
			m.Manifest.Metadata[key] = value
		}
	}
	add("size", m.size, true)
	quantization := gguf.Quantization(filepath.Base(m.Files[0]))
	if h := m.Header; h != nil {
		add("architecture", h.Architecture, h.Architecture != "")
		add("context_length", h.ContextLength, h.ContextLength > 0)
		add("quantization", h.Quantization, h.Quantization != "")
	}
	add("quantization", quantization, quantization != "")
}

// downloadable says whether every source can be fetched: from the web, or from
// wherever an importer knows the way to.
func (m *Model) downloadable() bool {
	return len(m.Manifest.Sources) > 0 && !slices.ContainsFunc(m.Manifest.Sources, isLocal)
}

func isLocal(source sdk.Source) bool {
	return !isURL(source.URL) || strings.HasPrefix(source.URL, "file://")
}

func cloneMap(m map[string]any) map[string]any {
	out := make(map[string]any, len(m)+4)
	maps.Copy(out, m)
	return out
}
