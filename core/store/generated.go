package store

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

const (
	// generated, in the metadata of a model file, says that the store made the file.
	generated = "generated"
	// longestContext bounds ctx_len where nobody chose one, as engine llamacpp does
	// without a model file: a model's own may be 128k tokens and more.
	longestContext = 8192
)

// manifest is the model file of a drop-in: what its header says. But for the
// context length, which everybody wants to see and to change, it says nothing that
// an engine would do differently: the template and the token that ends an answer
// are known to it from the same header, so that they stand in the metadata.
func (d *dropIn) manifest() sdk.Manifest {
	head := d.heads[0]
	m := sdk.Manifest{
		Name:     title(head.Name, stem(filepath.Base(d.files[0]))),
		Format:   "gguf",
		Engine:   "llamacpp",
		Metadata: d.metadata(),
	}
	for _, file := range d.all() {
		m.Sources = append(m.Sources, sdk.Source{Filename: filepath.Base(file)}) // no size: a person may put other weights in their place
	}
	if info, err := os.Stat(d.files[0]); err == nil {
		m.Created = info.ModTime().Unix()
	}
	settings := map[string]any{}
	if head.ContextLength > 0 {
		settings["ctx_len"] = min(head.ContextLength, longestContext)
	}
	if head.Embedding {
		settings["embedding"] = true
	}
	m.Settings = filled(settings)
	return m
}

func (d *dropIn) metadata() map[string]any {
	head := d.heads[0]
	all := map[string]any{generated: true, "size": sizeOf(d.files)}
	add := func(key string, value any, known bool) {
		if known {
			all[key] = value
		}
	}
	var parameters uint64
	for _, h := range d.heads {
		parameters += h.Parameters
	}
	quantization := cmp.Or(head.Quantization, gguf.Quantization(filepath.Base(d.files[0])))
	add("quantization", quantization, quantization != "")
	add("architecture", head.Architecture, head.Architecture != "")
	add("context_length", head.ContextLength, head.ContextLength > 0)
	add("layers", head.BlockCount, head.BlockCount > 0)
	add("parameters", parameters, parameters > 0)
	add("stop", []string{head.EOSToken}, head.EOSToken != "")
	add("chat_template", head.ChatTemplate, head.ChatTemplate != "")
	return all
}

// title is the name that a header gives, as far as it can be shown.
func title(name, otherwise string) string {
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(name); len(runes) > 200 {
		name = string(runes[:200])
	}
	return cmp.Or(name, otherwise)
}

// isGenerated says whether the store made a model's file.
func (m *Model) isGenerated() bool {
	made, _ := m.Manifest.Metadata[generated].(bool)
	return m.read != nil && m.read.err == nil && made
}

// untouched says whether a model's file is as the store made it.
func (m *Model) untouched() bool {
	d := &dropIn{model: m, files: m.Files, projector: m.MMProj}
	if d.read(false) != nil {
		return false
	}
	return sameJSON(d.manifest(), m.read.manifest)
}
