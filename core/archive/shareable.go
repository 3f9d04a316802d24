package archive

import (
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// shareable is a manifest as another machine may have it: without secrets, and
// without paths of this one.
func shareable(m *store.Model, manifest sdk.Manifest, names []weight) sdk.Manifest {
	manifest.Settings = shown(manifest.Settings)
	manifest.Parameters = shown(manifest.Parameters)
	manifest.Metadata = shown(manifest.Metadata)
	manifest.Extra = shown(manifest.Extra)
	if len(m.Files) > 0 {
		if len(manifest.Sources) == 0 {
			manifest.Sources = []sdk.Source{{}}
		}
		manifest.Sources[0].Filename = nameOf(m, m.Files[0])
		delete(manifest.Settings, "llama_model_path") // the first source says it now
	}
	for i := range manifest.Sources {
		source := &manifest.Sources[i]
		source.Extra = shown(source.Extra)
		if i > 0 {
			source.Filename = renamed(*source, names)
		}
		source.URL = public(source.URL)
	}
	manifest.Sources = slices.DeleteFunc(manifest.Sources, func(s sdk.Source) bool { return s.Filename == "" && s.URL == "" })
	manifest.Assets = slices.DeleteFunc(manifest.Assets, func(name string) bool { return !filepath.IsLocal(filepath.FromSlash(name)) })
	if m.MMProj != "" && manifest.Settings["mmproj"] != nil {
		manifest.Settings["mmproj"] = nameOf(m, m.MMProj)
	}
	return manifest
}

// renamed is what the file of a further source is called in the archive.
func renamed(source sdk.Source, names []weight) string {
	for _, w := range names {
		if filepath.Base(source.URL) == filepath.Base(w.file) {
			return w.name
		}
	}
	return source.Filename
}

// public is an address without what opens a door, and nothing of a path of this
// machine.
func public(address string) string {
	if !strings.Contains(address, "://") || strings.HasPrefix(address, "file:") {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.User = nil
	if query := u.Query(); len(query) > 0 {
		maps.DeleteFunc(query, func(name string, _ []string) bool { return opensDoors(name) })
		u.RawQuery = query.Encode()
	}
	return u.String()
}

// opensDoors says whether a parameter of an address is a secret: of the signed
// addresses of S3, Azure and others too.
func opensDoors(name string) bool {
	name = strings.ToLower(name)
	return isSecret(name) || name == "sig" || name == "key" || strings.HasSuffix(name, "signature") || strings.HasSuffix(name, "credential")
}

func isSecret(name string) bool {
	return store.Redacted(map[string]any{name: ""})[name] == store.Hidden
}

// shown is values without those that [store.Redacted] hides.
func shown(values map[string]any) map[string]any {
	if values == nil {
		return nil
	}
	out := maps.Clone(values)
	maps.DeleteFunc(out, func(name string, _ any) bool { return isSecret(name) })
	for name, value := range out {
		out[name] = shownValue(value)
	}
	return out
}

func shownValue(value any) any {
	switch value := value.(type) {
	case map[string]any:
		return shown(value)
	case []any:
		out := make([]any, len(value))
		for i, member := range value {
			out[i] = shownValue(member)
		}
		return out
	}
	return value
}
