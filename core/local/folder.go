package local

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// lookInto finds the models of a folder, by its model files or by its weights.
func lookInto(dir string) ([]Found, error) {
	models, err := store.Look(dir)
	if err != nil {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s cannot be read: %v", dir, cause(err))
	}
	if len(models) == 0 {
		return nil, sdk.Errorf(sdk.CodeNotFound, "There is no model in %s itself: neither weights (.gguf, .safetensors) nor a model file", dir)
	}
	var found []Found
	for _, m := range models {
		f := fromModel(m)
		f.weigh()
		if len(models) == 1 {
			f.Ref = sdk.Ref(dir)
			f.more = companions(m)
		}
		found = append(found, f)
	}
	if len(found) == 1 {
		return found, found[0].Err
	}
	return found, nil
}

// oneOf finds the model of a model file.
func oneOf(file string) ([]Found, error) {
	found, err := lookInto(filepath.Dir(file))
	for _, f := range found {
		if f.file == file {
			return []Found{f}, f.Err
		}
	}
	if err == nil {
		err = sdk.Errorf(sdk.CodeInvalid, "%s is no model file", file)
	}
	return nil, err
}

// fromModel makes a find of what a store would list, but does not weigh it.
func fromModel(m *store.Model) Found {
	f := Found{Name: filepath.Base(m.Dir), ID: m.ID, Files: m.Files, MMProj: m.MMProj, file: m.File, Err: m.Err, web: map[string]string{}}
	switch {
	case m.File != "":
		f.Ref = sdk.Ref(m.File)
	case len(m.Files) > 0:
		f.Ref = sdk.Ref(m.Files[0])
	}
	written, err := m.Written()
	if f.Err != nil || err != nil {
		f.Err = sdk.Errorf(sdk.CodeInvalid, "%s cannot be used: %v", f.Name, errors.Join(f.Err, err))
		return f
	}
	f.Manifest = written
	for _, source := range written.Sources {
		if strings.Contains(source.URL, "://") && !strings.HasPrefix(source.URL, "file:") {
			f.web[source.Filename] = source.URL
		}
	}
	if len(m.Files) == 0 { // to be downloaded, or somebody else's service
		return f
	}
	delete(f.Manifest.Settings, "llama_model_path")
	if !strings.EqualFold(filepath.Ext(m.Files[0]), ".gguf") && m.Header == nil {
		f.Size = sizeOf(f.all())
		f.Manifest.Sources = f.sources(true)
		return f
	}
	f.raw = true
	return f
}

// companions are the small files that go with the weights of a folder: tokenizers,
// licences, what the model file names.
func companions(m *store.Model) (files []string) {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return nil
	}
	const most = 64 << 20
	for _, e := range entries {
		file := filepath.Join(m.Dir, e.Name())
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() || info.Size() > most || strings.HasPrefix(e.Name(), ".") || store.IsModelFile(e.Name()) || store.IsWeights(e.Name()) {
			continue
		}
		if slices.Contains(m.Manifest.Assets, e.Name()) || isCompanion(e.Name()) {
			files = append(files, file)
		}
	}
	return files
}

func isCompanion(name string) bool {
	name = strings.ToLower(name)
	return slices.Contains([]string{".json", ".txt", ".md", ".model", ".jinja", ".tiktoken", ".yaml", ".yml"}, filepath.Ext(name)) ||
		strings.HasPrefix(name, "license") || strings.HasPrefix(name, "notice")
}
