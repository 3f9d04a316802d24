package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// maxDepth is how deep folders of folders are looked into: author/model, as
// other tools lay them out.
const maxDepth = 4

// otherJSON are the files that come with weights from elsewhere and describe no
// model of ours.
var otherJSON = regexp.MustCompile(`^(config|tokenizer|tokenizer_config|special_tokens_map|generation_config|vocab|added_tokens|preprocessor_config|processor_config|adapter_config|chat_template|params|modules|sentence_bert_config|config_sentence_transformers|.*\.index)\.json$`)

// scanFolder reads the models of one folder at or below the root. rel is its
// path below the root, with forward slashes; "" is the root itself, of which
// only loose weights count.
func (s *Store) scanFolder(rel string) []*Model {
	l, err := list(filepath.Join(s.dir, filepath.FromSlash(rel)))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return []*Model{broken(rel, s.dir, fmt.Errorf("read folder: %w", errors.Unwrap(err)))}
	}
	if rel == "" {
		return s.loose(l, "")
	}
	if models := s.scanFiles(rel, l); models != nil {
		return models
	}
	if strings.Count(rel, "/")+1 >= maxDepth {
		return nil
	}
	var models []*Model
	for _, dir := range l.dirs {
		models = append(models, s.scanFolder(rel+"/"+dir.Name())...)
	}
	return models
}

// scanFiles reads a folder that has model files or weights of its own; nil where
// it has neither.
func (s *Store) scanFiles(rel string, l listing) []*Model {
	var files []string
	for _, e := range l.files {
		if name := e.Name(); strings.HasSuffix(name, ".json") && !otherJSON.MatchString(name) {
			files = append(files, name)
		}
	}
	if len(files) == 0 && l.has("model.yml") {
		files = []string{"model.yml"}
	}
	if len(files) == 0 {
		return s.loose(l, rel)
	}
	models := make([]*Model, 0, len(files))
	for _, name := range files {
		id := rel
		stem := strings.TrimSuffix(name, filepath.Ext(name))
		if len(files) > 1 && stem != "model" {
			id = rel + "/" + stem
		}
		models = append(models, s.read(id, l, name, len(files) == 1))
	}
	return models
}

// loose makes a model of each weight file in a folder without model files: the
// folder's name, where there is one; else each file's own.
func (s *Store) loose(l listing, rel string) []*Model {
	weights := l.weights()
	if len(weights) == 0 {
		return nil
	}
	if len(weights) > 1 && strings.HasSuffix(strings.ToLower(weights[0]), ".safetensors") {
		weights = weights[:1]
	}
	var models []*Model
	for _, name := range weights {
		id := rel
		if rel == "" || len(weights) > 1 {
			stem := strings.TrimSuffix(name, filepath.Ext(name))
			if prefix, _, _, split := gguf.SplitPart(name); split {
				stem = prefix
			}
			id = strings.TrimPrefix(rel+"/"+stem, "/")
		}
		models = append(models, s.bare(id, l, name, len(weights) == 1))
	}
	return models
}

// read reads one model file.
func (s *Store) read(id string, l listing, name string, alone bool) *Model {
	file := filepath.Join(l.dir, name)
	m := &Model{ID: sanitize(id), Dir: l.dir, File: file}
	entry := s.cache.manifest(file, func() parsed { return parseFile(file, s.show(file)) })
	m.Manifest, m.Warnings, m.Err = entry.manifest, entry.warnings, entry.err
	m.fill(entry.modified)
	if m.Err == nil {
		m.locate(l, alone)
		m.safetensors(entry.manifest)
		s.inspect(m)
	}
	return m
}

// bare makes a model of weights without a model file.
func (s *Store) bare(id string, l listing, name string, alone bool) *Model {
	m := &Model{ID: sanitize(id), Dir: l.dir}
	m.Files, m.Missing = parts(filepath.Join(l.dir, name))
	m.Ready = len(m.Missing) == 0
	var created int64
	if info, err := os.Stat(filepath.Join(l.dir, name)); err == nil {
		created = info.ModTime().Unix()
	}
	m.fill(created)
	m.safetensors(sdk.Manifest{})
	if alone {
		m.MMProj = l.projector()
	}
	s.inspect(m)
	return m
}

// inspect looks at the head of the weights and fills in what the file left out.
func (s *Store) inspect(m *Model) {
	switch {
	case m.Err != nil || m.Remote():
		return
	case len(m.Missing) > 0 && len(m.Files) > 0:
		m.Err = fmt.Errorf("of %d parts these are missing: %s", len(m.Files)+len(m.Missing), strings.Join(m.Missing, ", "))
		return
	case !m.Ready && !m.downloadable():
		m.Err = errNoWeights
		if len(m.Missing) > 0 {
			m.Err = fmt.Errorf("%s is not there, and no source to get it from is named", m.Missing[0])
		}
		return
	case !m.Ready:
		return
	}
	if strings.EqualFold(filepath.Ext(m.Files[0]), ".gguf") {
		header, err := s.cache.header(m.Files[0])
		if err != nil {
			m.Ready, m.Err = false, fmt.Errorf("%s: %w", filepath.Base(m.Files[0]), err)
			return
		}
		m.Header = header
	}
	m.describe()
}

// downloadable says whether every source that is not here can be fetched.
func (m *Model) downloadable() bool {
	for _, source := range m.Manifest.Sources {
		if !strings.HasPrefix(source.URL, "https://") && !strings.HasPrefix(source.URL, "http://") {
			return false
		}
	}
	return len(m.Manifest.Sources) > 0
}

// describe adds to the metadata what the weights say.
func (m *Model) describe() {
	add := func(key string, value any) {
		if _, there := m.Manifest.Metadata[key]; !there {
			m.Manifest.Metadata[key] = value
		}
	}
	var size int64
	for _, file := range m.Files {
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	add("size", size)
	quantization := gguf.Quantization(filepath.Base(m.Files[0]))
	if m.Header != nil {
		if m.Header.Quantization != "" {
			quantization = m.Header.Quantization
		}
		if m.Header.Architecture != "" {
			add("architecture", m.Header.Architecture)
		}
		if m.Header.ContextLength > 0 {
			add("context_length", m.Header.ContextLength)
		}
	}
	if quantization != "" {
		add("quantization", quantization)
	}
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
	if len(m.Files) == 0 || !strings.EqualFold(filepath.Ext(m.Files[0]), ".safetensors") || file.Format != "" {
		return
	}
	m.Manifest.Format = "safetensors"
	if file.Engine == "" {
		m.Manifest.Engine = "tensorrt"
	}
}

func cloneMap(m map[string]any) map[string]any {
	out := make(map[string]any, len(m)+4)
	for k, v := range m {
		out[k] = v
	}
	return out
}

func broken(rel, root string, err error) *Model {
	m := &Model{ID: sanitize(rel), Dir: filepath.Join(root, filepath.FromSlash(rel)), Err: err}
	m.fill(0)
	return m
}

// segment is what an id's parts between slashes are made of.
var segment = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// sanitize turns a path below the root into an id: what an id may not hold
// becomes a hyphen.
func sanitize(rel string) string {
	parts := strings.Split(rel, "/")
	for i, part := range parts {
		part = segment.ReplaceAllString(part, "-")
		if part == "" || part == "." || part == ".." {
			part = "-"
		}
		parts[i] = part
	}
	return strings.Join(parts, "/")
}

// ValidID says whether id could name a model: segments of letters, digits, '.',
// '_' and '-', none of them empty, "." or "..".
func ValidID(id string) bool {
	if id == "" || len(id) > 512 {
		return false
	}
	for part := range strings.SplitSeq(id, "/") {
		if part == "" || part == "." || part == ".." || segment.MatchString(part) {
			return false
		}
	}
	return true
}

// show is how a file is named in messages: below the models folder.
func (s *Store) show(file string) string {
	if rel, err := filepath.Rel(filepath.Dir(s.dir), file); err == nil {
		return filepath.ToSlash(rel)
	}
	return filepath.Base(file)
}

func sortModels(models []*Model) {
	slices.SortFunc(models, func(a, b *Model) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Dir, b.Dir))
	})
}
