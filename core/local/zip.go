package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/enginebay/enginebay/core/archive"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// importZip makes the models of a zip of this machine.
func importZip(ctx context.Context, s *store.Store, file string, o Options, progress func(Progress)) ([]string, error) {
	ids, err := unzip(ctx, s, file, o, progress)
	if err == nil && o.Mode == Move {
		m, err := s.Model(ids[0])
		if err == nil {
			err = durable(s.Dir(), m.Dir)
		}
		if err == nil {
			err = os.Remove(file)
		}
		if err != nil {
			return ids, sdk.Errorf(sdk.CodeInternal, "The model '%s' is here, and so is the zip, which cannot be removed: %v", ids[0], cause(err))
		}
	}
	return ids, err
}

// unzip makes the models of a zip.
func unzip(ctx context.Context, s *store.Store, file string, o Options, progress func(Progress)) (ids []string, err error) {
	f, size, err := open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := archive.Open(f, size)
	if err != nil {
		return nil, err
	}
	stage, err := s.Unnamed()
	if err != nil {
		return nil, err
	}
	defer stage.Discard()
	if err := o.room(stage.Dir, a.Size); err != nil {
		return nil, err
	}
	t := &transfer{ctx: ctx, dir: stage.Dir, o: o, phase: "unpacking", total: a.Size, progress: progress}
	hashes, err := a.Unpack(ctx, stage.Dir, func(done int64) error {
		t.done = done
		return t.tick()
	})
	if err != nil {
		return nil, t.failed(filepath.Base(file), err)
	}
	manifests, files, err := unpacked(stage.Dir, hashes)
	if err != nil {
		return nil, err
	}
	id := o.ID
	if id == "" {
		if err := twice(s, files); err != nil {
			return nil, err
		}
		id = zipID(a, filepath.Base(file), manifests)
	}
	return named(stage, id, manifests)
}

// named commits a stage under an id, and returns the ids of its models.
func named(stage *store.Stage, id string, manifests map[string]sdk.Manifest) (ids []string, err error) {
	if err := stage.Name(id); err != nil {
		return nil, err
	}
	if err := stage.CommitAll(manifests); err != nil {
		return nil, err
	}
	if len(manifests) == 1 {
		return []string{id}, nil
	}
	for name := range manifests {
		if name == "model" {
			ids = append(ids, id)
		} else {
			ids = append(ids, id+"/"+store.Sanitized(name))
		}
	}
	return ids, nil
}

// zipID is the id of what a zip holds: the one that it was exported under, the name
// of its folder, the one of its model file, or else the zip's own name.
func zipID(a *archive.Archive, name string, manifests map[string]sdk.Manifest) string {
	if a.ID != "" {
		return a.ID
	}
	if a.Folder != "" {
		return store.Sanitized(a.Folder)
	}
	for _, m := range manifests {
		if len(manifests) == 1 && store.ValidID(m.ID) {
			return m.ID
		}
	}
	return idOf(strings.TrimSuffix(name, filepath.Ext(name)) + ".gguf")
}

// unpacked reads what came out of a zip: the model files, which are taken away to
// be written anew, and the weights of the first model.
func unpacked(dir string, hashes map[string]string) (manifests map[string]sdk.Manifest, weights []string, err error) {
	models, err := store.Look(dir)
	if err != nil {
		return nil, nil, err
	}
	manifests = map[string]sdk.Manifest{}
	for _, m := range models {
		name, manifest, err := arrived(m, hashes)
		if err != nil {
			return nil, nil, err
		}
		if len(models) == 1 {
			name = "model"
		}
		if _, again := manifests[name]; again {
			return nil, nil, sdk.Errorf(sdk.CodeInvalid, "Two models of the zip are called %q", name)
		}
		manifests[name] = manifest
	}
	for _, m := range models {
		if m.File != "" {
			if err := os.Remove(m.File); err != nil {
				return nil, nil, err
			}
		}
	}
	if len(models) > 0 {
		weights = models[0].Files
	}
	return manifests, weights, nil
}

// arrived is the name and the manifest of a model that came from outside. What it
// says of files is believed only of those that came with it.
func arrived(m *store.Model, hashes map[string]string) (name string, manifest sdk.Manifest, err error) {
	refuse := func(err error) error {
		return sdk.Errorf(sdk.CodeInvalid, "The model %s cannot be used: %v", filepath.Base(m.File), err)
	}
	if m.File == "" {
		return bare(m)
	}
	name = strings.TrimSuffix(filepath.Base(m.File), filepath.Ext(m.File))
	manifest, err = m.Written()
	if err != nil {
		return name, manifest, refuse(err)
	}
	if !m.Legible() {
		return name, manifest, refuse(m.Err)
	}
	if m.Linked {
		return name, manifest, refuse(fmt.Errorf("it names files outside of its folder"))
	}
	for _, setting := range []string{"mmproj", "llama_model_path", "grammar_file"} {
		if path, ok := manifest.Settings[setting].(string); ok && !filepath.IsLocal(filepath.FromSlash(path)) {
			return name, manifest, refuse(fmt.Errorf("%s names a file outside of its folder", setting))
		}
	}
	for i := range manifest.Sources {
		source := &manifest.Sources[i]
		if !strings.Contains(source.URL, "://") || strings.HasPrefix(source.URL, "file:") {
			source.URL = ""
		}
		if sum, ok := hashes[source.Filename]; ok && source.SHA256 != "" && source.SHA256 != sum {
			return name, manifest, refuse(fmt.Errorf("%s has the SHA-256 %s, and should have %s", source.Filename, sum, source.SHA256))
		}
	}
	return name, manifest, nil
}

// bare is a model that came without a model file.
func bare(m *store.Model) (name string, manifest sdk.Manifest, err error) {
	if m.Err != nil {
		return "", manifest, sdk.Errorf(sdk.CodeInvalid, "The weights cannot be used: %v", m.Err)
	}
	f := fromModel(m)
	f.weigh()
	if f.Err != nil {
		return "", manifest, f.Err
	}
	manifest = f.Manifest
	manifest.Sources = f.sources(false)
	name = filepath.Base(m.ID)
	return name, manifest, nil
}
