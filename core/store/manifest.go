package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// ReadManifest reads a model file of any shape into the canonical form. It
// fills in nothing that the file does not say; [Complete] does that.
//
// The warnings are what was read although it is odd: keys that look misspelt, a
// value that is given twice, a key of an API that is written down. The error is
// [schemas.Problems]: each says where in the file, as the file spells it, a value
// is not what it must be.
func ReadManifest(doc *schemas.Document) (m sdk.Manifest, warnings schemas.Problems, err error) {
	d := newDraft(doc)
	d.canonize()
	schema := schemas.Model()
	if err := d.locate(schema.Validate(d.root)).Err(); err != nil {
		return sdk.Manifest{}, doc.Warnings, err
	}
	hints := d.locate(schema.Hints(d.root))
	m = d.manifest()
	return m, slices.Concat(doc.Warnings, doc.Locate(d.warnings), hints), nil
}

// writeManifest returns the canonical form of m as the text of a model file. It
// reads back as it was.
func writeManifest(m sdk.Manifest) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("write manifest %s: %w", m.ID, err)
	}
	return text.Bytes(), nil
}

// Defaults are what a model file need not say because its place says it.
type Defaults struct {
	ID      string // NAME of the folder, or NAME/FILE
	Name    string // the last part of the id
	Created int64  // Unix time of the file, in seconds
}

// Complete returns m with everything filled in that every model has. The
// defaults are those of the seeds: an empty model file is a GGUF model that
// belongs to you and is run by llama.cpp.
func Complete(m sdk.Manifest, d Defaults) sdk.Manifest {
	m.ID = cmp.Or(m.ID, d.ID)
	m.Object = "model"
	m.Name = cmp.Or(m.Name, d.Name)
	m.Version = cmp.Or(m.Version, "1")
	m.Created = cmp.Or(m.Created, d.Created)
	m.OwnedBy = cmp.Or(m.OwnedBy, "you")
	if m.Routed() && m.Engine == "" { // its targets say what runs it, and its folder what its weights are
		return m
	}
	if m.Engine == "" && m.Format == "api" {
		m.Engine = "api"
	}
	m.Engine = cmp.Or(m.Engine, "llamacpp")
	switch m.Engine {
	case "llamacpp":
		m.Format = cmp.Or(m.Format, "gguf")
	case "api":
		m.Format = cmp.Or(m.Format, "api")
	}
	return m
}

// manifest takes a valid draft apart; what is left is extra.
func (d *draft) manifest() sdk.Manifest {
	m := sdk.Manifest{
		ID:          take[string](d.root, "id"),
		Object:      take[string](d.root, "object"),
		Name:        take[string](d.root, "name"),
		Version:     take[string](d.root, "version"),
		Created:     integer(take[json.Number](d.root, "created")),
		OwnedBy:     take[string](d.root, "owned_by"),
		Description: take[string](d.root, "description"),
		Format:      take[string](d.root, "format"),
		Engine:      take[string](d.root, "engine"),
		Settings:    filled(take[map[string]any](d.root, "settings")),
		Parameters:  filled(take[map[string]any](d.root, "parameters")),
		Metadata:    filled(take[map[string]any](d.root, "metadata")),
		KeepAlive:   take[string](d.root, "keep_alive"),
		Pinned:      take[bool](d.root, "pinned"),
		Routing:     take[string](d.root, "routing"),
		Timeout:     take[string](d.root, "timeout"),
		CoolDown:    take[string](d.root, "cool_down"),
	}
	for _, entry := range take[[]any](d.root, "sources") {
		m.Sources = append(m.Sources, sourceOf(entry.(map[string]any)))
	}
	for _, entry := range take[[]any](d.root, "targets") {
		m.Targets = append(m.Targets, targetOf(entry.(map[string]any)))
	}
	for _, asset := range take[[]any](d.root, "assets") {
		m.Assets = append(m.Assets, asset.(string))
	}
	m.Extra = filled(d.root)
	return m
}

func sourceOf(entry map[string]any) sdk.Source {
	source := sdk.Source{
		Filename: take[string](entry, "filename"),
		URL:      take[string](entry, "url"),
		SHA256:   take[string](entry, "sha256"),
		Size:     integer(take[json.Number](entry, "size")),
	}
	source.Extra = filled(entry)
	return source
}

func targetOf(entry map[string]any) sdk.Target {
	target := sdk.Target{
		Model:    take[string](entry, "model"),
		Engine:   take[string](entry, "engine"),
		Settings: filled(take[map[string]any](entry, "settings")),
	}
	target.Weight, _ = take[json.Number](entry, "weight").Float64()
	target.Extra = filled(entry)
	return target
}

// take removes a value that the schema has checked, and returns it; the zero
// value where there is none.
func take[T any](object map[string]any, name string) T {
	value, _ := object[name].(T)
	delete(object, name)
	return value
}

// integer returns a number that the schema has called an integer, 1.7e9 too.
func integer(number json.Number) int64 {
	if i, err := number.Int64(); err == nil {
		return i
	}
	f, err := number.Float64()
	if err != nil {
		return 0
	}
	return int64(f)
}

// filled returns nil for a map without entries: both mean the same, and only
// one of them is what a file reads back as.
func filled(object map[string]any) map[string]any {
	if len(object) == 0 {
		return nil
	}
	return object
}
