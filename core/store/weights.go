package store

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk/gguf"
)

// weightExtensions are the files that hold weights.
var weightExtensions = []string{".gguf", ".safetensors", ".bin", ".ggml"}

func isWeight(name string) bool {
	return slices.Contains(weightExtensions, strings.ToLower(filepath.Ext(name)))
}

// listing is what lies in a folder: its files by name, folders left out.
type listing struct {
	dir   string
	files []fs.DirEntry
	dirs  []fs.DirEntry
}

func list(dir string) (listing, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return listing{}, err
	}
	l := listing{dir: dir}
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			l.dirs = append(l.dirs, e)
		default:
			l.files = append(l.files, e)
		}
	}
	return l, nil
}

// has says whether the folder holds a file of that name.
func (l listing) has(name string) bool {
	_, found := slices.BinarySearchFunc(l.files, name, func(e fs.DirEntry, n string) int { return strings.Compare(e.Name(), n) })
	return found
}

// weights are the names of the weight files, projectors and later parts of a
// split model left out: each stands for one model.
func (l listing) weights() []string {
	var names []string
	for _, e := range l.files {
		name := e.Name()
		if !isWeight(name) || gguf.IsMMProj(name) {
			continue
		}
		if _, no, _, split := gguf.SplitPart(name); split && no > 1 && l.firstPart(name) {
			continue
		}
		names = append(names, name)
	}
	return names
}

// firstPart says whether part 1 of the split model that name belongs to is there.
func (l listing) firstPart(name string) bool {
	prefix, _, count, _ := gguf.SplitPart(name)
	return l.has(fmt.Sprintf("%s-%05d-of-%05d.gguf", prefix, 1, count))
}

func (l listing) projector() string {
	for _, e := range l.files {
		if isWeight(e.Name()) && gguf.IsMMProj(e.Name()) {
			return filepath.Join(l.dir, e.Name())
		}
	}
	return ""
}

// locate fills in the weights of a model from what its manifest says and what
// its folder holds. alone says that the model is the only one of the folder.
func (m *Model) locate(l listing, alone bool) {
	m.MMProj = m.projector(l)
	if m.Remote() {
		m.Ready = true
		return
	}
	first, missing := m.first(l, alone)
	switch {
	case missing != "":
		m.Missing = []string{missing}
		return
	case first == "":
		return
	}
	m.Linked = !strings.HasPrefix(first, l.dir+string(filepath.Separator))
	m.Files, m.Missing = parts(first)
	if strings.EqualFold(filepath.Ext(first), ".safetensors") && !m.Linked {
		m.Files = m.Files[:0]
		for _, name := range l.weights() {
			m.Files = append(m.Files, filepath.Join(l.dir, name))
		}
	}
	m.Ready = len(m.Missing) == 0
}

// first finds the file that the engine is given: what the manifest names, else
// what lies in the folder. missing is the name of one that should be there.
func (m *Model) first(l listing, alone bool) (file, missing string) {
	if named, ok := m.Manifest.Settings["llama_model_path"].(string); ok && named != "" {
		if p, ok := existing(local(l.dir, named)); ok {
			return p, ""
		}
	}
	if len(m.Manifest.Sources) > 0 {
		source := m.Manifest.Sources[0]
		if source.Filename != "" {
			if p, ok := existing(filepath.Join(l.dir, filepath.FromSlash(source.Filename))); ok && filepath.IsLocal(filepath.FromSlash(source.Filename)) {
				return p, ""
			}
			missing = source.Filename
		}
		if p, isPath := localURL(l.dir, source.URL); isPath {
			if found, ok := existing(p); ok {
				return found, ""
			}
			missing = source.URL
		} else if u, err := url.Parse(source.URL); err == nil && u.Path != "" {
			name := path.Base(u.Path)
			if l.has(name) && isWeight(name) {
				return filepath.Join(l.dir, name), ""
			}
			if missing == "" && isWeight(name) {
				missing = name
			}
		}
	}
	if name := m.guess(l, alone); name != "" {
		return filepath.Join(l.dir, name), ""
	}
	return "", missing
}

// guess chooses among the weights of the folder for a model whose file names
// none of them: the one of its own name, else of its own quantization, else the
// only one.
func (m *Model) guess(l listing, alone bool) string {
	all := l.weights()
	if m.File != "" && !alone {
		stem := strings.TrimSuffix(filepath.Base(m.File), filepath.Ext(m.File))
		for _, name := range all {
			if strings.EqualFold(strings.TrimSuffix(name, filepath.Ext(name)), stem) {
				return name
			}
		}
		if wanted := gguf.Quantization(stem); wanted != "" {
			for _, name := range all {
				if gguf.Quantization(name) == wanted {
					return name
				}
			}
			return ""
		}
	}
	switch {
	case len(all) == 0:
		return ""
	case len(all) == 1, strings.HasSuffix(strings.ToLower(all[0]), ".safetensors"):
		return all[0]
	}
	if alone {
		m.Err = fmt.Errorf("the folder holds %d weight files (%s …) and the model file does not say which; name one as \"sources\": [{\"filename\": %q}]", len(all), all[0], all[0])
	}
	return ""
}

// parts are all files of a split model, and the names of those that are not there.
func parts(first string) (files, missing []string) {
	prefix, _, count, split := gguf.SplitPart(first)
	if !split {
		return []string{first}, nil
	}
	for no := 1; no <= count; no++ {
		part := fmt.Sprintf("%s-%05d-of-%05d%s", prefix, no, count, filepath.Ext(first))
		if p, ok := existing(part); ok {
			files = append(files, p)
		} else {
			missing = append(missing, filepath.Base(part))
		}
	}
	return files, missing
}

func (m *Model) projector(l listing) string {
	if named, ok := m.Manifest.Settings["mmproj"].(string); ok && named != "" {
		if p, ok := existing(local(l.dir, named)); ok {
			return p
		}
	}
	return l.projector()
}

// existing returns the file at a path: a regular one, links followed.
func existing(file string) (string, bool) {
	info, err := os.Stat(file)
	return file, err == nil && info.Mode().IsRegular()
}

// localURL turns a source's url into a path, if it is one: file://…, ~/…,
// absolute, or relative to the model's folder.
func localURL(dir, source string) (string, bool) {
	switch {
	case source == "", source == "./", source == ".":
		return "", false
	case strings.HasPrefix(source, "file://"):
		return local(dir, strings.TrimPrefix(source, "file://")), true
	case strings.Contains(source, "://"):
		return "", false
	}
	return local(dir, source), true
}

func local(dir, name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(dir, filepath.FromSlash(name))
}

var errNoWeights = errors.New("there are no weights here, and no source to get them from")
