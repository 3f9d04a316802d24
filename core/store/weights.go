package store

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// locate fills in the weights of a model from what its manifest says and what
// its folder holds. alone says that the model is the only one of the folder.
func (m *Model) locate(l listing, alone bool) {
	m.MMProj = m.projector(l)
	if m.Manifest.Routed() {
		m.Manifest.Format = m.routedFormat(l)
	}
	if m.Remote() {
		m.Ready = true
		return
	}
	m.instead = m.configured(l)
	file, missing := m.instead, ""
	if file == "" {
		file, missing = m.first(l)
	}
	switch {
	case file != "":
	case missing == "":
		m.instead, m.Err = m.guess(l, alone)
		file = m.instead
	case alone:
		m.instead = m.misspelt(l, missing)
		file = m.instead
	}
	if file != "" {
		m.use(l, file)
	} else if missing != "" { // the first part of a split file; others may be here
		all := gguf.Parts(filepath.Join(l.dir, filepath.FromSlash(m.Manifest.Sources[0].Filename)))
		m.Files = slices.DeleteFunc(all, func(file string) bool { return !existing(file) })
	}
	m.compare(l, file, missing)
	m.Ready = file != "" && len(m.Missing) == 0
}

// misspelt is the only weights of a folder, which stand in for those that the
// manifest names: Jan's own llama3.1-8b-instruct spells its file in two ways.
func (m *Model) misspelt(l listing, missing string) string {
	all := l.weights()
	if len(all) != 1 {
		return ""
	}
	file := filepath.Join(l.dir, all[0])
	isNamed := func(source sdk.Source) bool { return source.Filename == all[0] }
	if slices.ContainsFunc(allParts(m.Manifest.Sources), isNamed) || !isWhole(file, m.Manifest.Sources[0]) {
		return ""
	}
	m.Warnings = append(slices.Clip(m.Warnings), schemas.Problem{Pointer: "/sources/0",
		Expected: fmt.Sprintf("the only weights of the folder, %s, which are used", all[0]), Got: missing})
	return file
}

// use makes a file, and what goes with it, the weights of the model.
func (m *Model) use(l listing, file string) {
	m.Linked = !within(file, l.dir)
	files := gguf.Parts(file)
	if extension(file) == ".safetensors" && filepath.Dir(file) == l.dir {
		files = nil
		for _, name := range l.weights() {
			files = append(files, filepath.Join(l.dir, name))
		}
	}
	for _, file := range files {
		if existing(file) {
			m.Files = append(m.Files, file)
		} else {
			m.Missing = append(m.Missing, filepath.Base(file))
		}
	}
}

// compare looks for the files of all sources, and for what they lack. file and
// missing are what there is of the first one.
func (m *Model) compare(l listing, file, missing string) {
	sources := m.Manifest.Sources
	if m.instead == "" {
		sources = allParts(sources)
	} else if len(sources) > 0 {
		sources = sources[1:]
	}
	for i, source := range sources {
		isFirst := i == 0 && m.instead == ""
		if !isFirst {
			file, missing = l.find(source)
		}
		switch {
		case file != "" && !isWhole(file, source):
			missing = filepath.Base(file)
			if m.Err == nil {
				m.Err = cut(file, source)
			}
		case missing == "" && !(isFirst && file == ""): // which a source without a name is, too
			continue
		}
		m.lacks = append(m.lacks, source)
		if missing != "" && !slices.Contains(m.Missing, missing) {
			m.Missing = append(m.Missing, missing)
		}
	}
}

// cut is what is said of a file that has not the size that its source says.
func cut(file string, source sdk.Source) error {
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(file), unwrapped(err))
	}
	return fmt.Errorf("%s has %d bytes, and its source says %d: it is cut off, or another file; download the model again", filepath.Base(file), info.Size(), source.Size)
}

// fetchable says whether all that the model lacks can be fetched.
func (m *Model) fetchable() bool {
	names := map[string]bool{}
	for _, source := range m.lacks {
		if isLocal(source) {
			return false
		}
		names[path.Base(source.Filename)] = true
	}
	return len(m.lacks) > 0 && !slices.ContainsFunc(m.Missing, func(name string) bool { return !names[name] })
}

// configured is the file that a setting names as the model itself, if it is there.
func (m *Model) configured(l listing) string {
	if name := m.setting("llama_model_path"); name != "" {
		if file := local(l.dir, name); existing(file) {
			return file
		}
	}
	return ""
}

// first is the file of the first source. missing is the name of one that is not there.
func (m *Model) first(l listing) (file, missing string) {
	if len(m.Manifest.Sources) == 0 {
		return "", ""
	}
	return l.find(m.Manifest.Sources[0])
}

// guess chooses among the weights of the folder for a model whose file names
// none of them: the one of its own name, else of its own quantization, else the
// only one.
func (m *Model) guess(l listing, alone bool) (file string, err error) {
	all := l.weights()
	own := func(name string) bool { return strings.EqualFold(stem(name), stem(filepath.Base(m.File))) }
	wanted := gguf.Quantization(stem(filepath.Base(m.File)))
	i := -1
	switch {
	case !alone && slices.ContainsFunc(all, own):
		i = slices.IndexFunc(all, own)
	case !alone && wanted != "":
		i = slices.IndexFunc(all, func(name string) bool { return gguf.Quantization(name) == wanted })
	case len(all) == 1, len(all) > 1 && extension(all[0]) == ".safetensors":
		i = 0
	case len(all) > 1:
		return "", fmt.Errorf("the folder holds %d weight files (%s …) and the model file does not say which; name one as \"sources\": [{\"filename\": %q}]", len(all), all[0], all[0])
	}
	if i < 0 {
		return "", nil
	}
	return filepath.Join(l.dir, all[i]), nil
}

func (m *Model) projector(l listing) string {
	if name := m.setting("mmproj"); name != "" {
		if file := local(l.dir, name); existing(file) {
			return file
		}
		if file := m.source(l, name); file != "" {
			return file
		}
	}
	return l.projector()
}

// source is the file of the source of that name, which may lie elsewhere.
func (m *Model) source(l listing, name string) string {
	for _, source := range m.Manifest.Sources {
		if source.Filename == name {
			file, _ := l.find(source)
			return file
		}
	}
	return ""
}

// setting is a setting that is a text; empty where it is not there.
func (m *Model) setting(name string) string {
	text, _ := m.Manifest.Settings[name].(string)
	return text
}

// existing says whether there is a regular file at a path, links followed.
func existing(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
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
	if path, err := ExpandHome(name); err == nil && filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, filepath.FromSlash(name))
}

// ExpandHome puts the user's home in the place of a leading ~.
func ExpandHome(path string) (string, error) {
	rest, tilde := strings.CutPrefix(path, "~/")
	if !tilde && path != "~" {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if path == "~" {
		return home, err
	}
	return filepath.Join(home, rest), err
}
