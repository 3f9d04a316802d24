package local

import (
	"path"
	"path/filepath"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// Found is a model that lies on this machine, and not in the models folder. It is
// listed also where it cannot be used; Err then says why.
type Found struct {
	Name     string       // as the tool or the disk names it
	Ref      sdk.Ref      // which names this model alone
	ID       string       // that it would have
	Files    []string     // absolute paths of the weights, in the order of their parts
	MMProj   string       // absolute path of the projector, if there is one
	Size     int64        // bytes of all that
	Manifest sdk.Manifest // of a model that links to the files where they lie
	Err      error

	raw   bool              // it was not weighed yet
	zip   string            // path of the zip that it is in
	names map[string]string // of files that do not say by their own what they are
	more  []string          // absolute paths of further files that a copy takes along
	file  string            // absolute path of the model file
	web   map[string]string // addresses that the model file gives for files, by name
}

// name is what a file is called in a model's folder.
func (f *Found) name(file string) string {
	if name := f.names[file]; name != "" {
		return name
	}
	return filepath.Base(file)
}

// all are weights and projector.
func (f *Found) all() []string {
	if f.MMProj == "" {
		return f.Files
	}
	return append(f.Files[:len(f.Files):len(f.Files)], f.MMProj)
}

// weigh reads the heads of the files and completes the manifest by them. What the
// manifest says already counts more.
func (f *Found) weigh() {
	if !f.raw || f.Err != nil {
		return
	}
	f.raw = false
	described, err := describe(f)
	if err != nil {
		f.Err = err
		return
	}
	f.Size = sizeOf(f.all())
	f.Manifest = over(described, f.Manifest)
	f.Manifest.Sources = f.sources(true)
	if f.MMProj != "" {
		f.set("mmproj", f.name(f.MMProj))
	}
}

// set sets a setting, in a map of its own.
func (f *Found) set(name string, value any) {
	f.Manifest.Settings = with(f.Manifest.Settings, name, value)
}

// sources name the files: where they lie, or as those of the model's own folder.
func (f *Found) sources(linked bool) []sdk.Source {
	var sources []sdk.Source
	for _, file := range f.all() {
		name := f.name(file)
		source := sdk.Source{Filename: name, URL: f.web[name]}
		if linked {
			source.URL = filepath.ToSlash(file)
		}
		sources = append(sources, source)
	}
	return sources
}

// idOf is the id that weights of a name would have.
func idOf(file string) string {
	return store.NewID(sdk.Manifest{Sources: []sdk.Source{{Filename: path.Base(filepath.ToSlash(file))}}})
}

// over is a manifest with all that another one says put over it.
func over(below, above sdk.Manifest) sdk.Manifest {
	merged := above
	for _, text := range []struct{ to, from *string }{
		{&merged.Name, &below.Name}, {&merged.Format, &below.Format}, {&merged.Engine, &below.Engine},
	} {
		if *text.to == "" {
			*text.to = *text.from
		}
	}
	if merged.Created == 0 {
		merged.Created = below.Created
	}
	merged.Settings = joined(below.Settings, above.Settings)
	merged.Parameters = joined(below.Parameters, above.Parameters)
	merged.Metadata = joined(below.Metadata, above.Metadata)
	return merged
}

func joined(below, above map[string]any) map[string]any {
	if len(below)+len(above) == 0 {
		return nil
	}
	out := make(map[string]any, len(below)+len(above))
	for _, values := range []map[string]any{below, above} {
		for name, value := range values {
			out[name] = value
		}
	}
	return out
}

func with(values map[string]any, name string, value any) map[string]any {
	return joined(values, map[string]any{name: value})
}
