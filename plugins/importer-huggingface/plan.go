package main

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/enginebay/enginebay/sdk"
)

// plans are one for each selected variant, or one for safetensors.
func (r *resolution) plans() []sdk.Plan {
	if len(r.selected) == 0 {
		return []sdk.Plan{r.tensorPlan()}
	}
	var plans []sdk.Plan
	for _, v := range r.selected {
		plans = append(plans, r.plan(v))
	}
	return plans
}

// plan is the one of a variant.
func (r *resolution) plan(v variant) sdk.Plan {
	m := r.manifest()
	m.Format, m.Engine = "gguf", "llamacpp"
	m.ID, m.Name = r.t.folder()+"/"+v.name, plainName(r.t.name)+" "+v.name
	if r.only {
		m.ID, m.Name = r.t.folder(), plainName(r.t.name)
	}
	files := v.files
	if p := r.projector(v); p != nil {
		files = append(slices.Clone(files), *p)
		m.Settings = map[string]any{"mmproj": r.names[p.Path]}
	}
	facts{"quantization": r.quantization(v), "size": v.size(), "memory": r.memory(v), "parameters": r.parameters(v),
		"context_length": r.contextLength(), "architecture": r.architecture()}.addTo(m.Metadata)
	return r.withFiles(m, files)
}

// tensorPlan is the one of a repository in safetensors.
func (r *resolution) tensorPlan() sdk.Plan {
	m := r.manifest()
	m.Format, m.Engine = formatSafetensors, "tensorrt"
	m.ID, m.Name = r.t.folder(), r.t.name
	if len(r.variants) > 0 {
		m.ID += "/" + formatSafetensors
	}
	var size int64
	for _, f := range r.tensors {
		size += f.Size
	}
	facts{"quantization": r.info.Safetensors.v.precision(), "size": size, "memory": size, "parameters": r.info.Safetensors.v.Total,
		"context_length": r.config.context(), "architecture": line(r.config.ModelType, 64)}.addTo(m.Metadata)
	return r.withFiles(m, r.tensors)
}

// manifest is what all variants of a repository share.
func (r *resolution) manifest() sdk.Manifest {
	i := r.info
	licence := i.CardData.v.Licence.first()
	if name := i.CardData.v.LicenceName.first(); name != "" && (licence == "" || licence == "other") {
		licence = name
	}
	m := sdk.Manifest{Object: "model", OwnedBy: r.t.owner, Description: description(i), Metadata: map[string]any{}}
	facts{"author": r.t.owner, "repository": r.t.ref(), "revision": line(i.SHA, 64), "licence": licence, "base_model": i.CardData.v.BaseModel.first()}.addTo(m.Metadata)
	if tags := tags(i); len(tags) > 0 {
		m.Metadata["tags"] = tags
	}
	return m
}

// withFiles completes a plan with what is to be fetched.
func (r *resolution) withFiles(m sdk.Manifest, files []sibling) sdk.Plan {
	p := sdk.Plan{Manifest: m}
	for _, f := range files {
		p.Files = append(p.Files, sdk.File{Path: r.names[f.Path], URL: r.c.address(r.t.repo(), r.t.rev, f.Path), Size: f.Size, SHA256: digest(f.LFS.SHA256)})
	}
	return p
}

// projector goes with every variant; one in the same folder goes before others.
func (r *resolution) projector(v variant) *sibling {
	for i, p := range r.projectors {
		if path.Dir(p.Path) == path.Dir(v.path()) {
			return &r.projectors[i]
		}
	}
	if len(r.projectors) > 0 {
		return &r.projectors[0]
	}
	return nil
}

// quantization is that of the file's name, else what its header says, where that
// was read.
func (r *resolution) quantization(v variant) string {
	if v.quantization == "" && r.head != nil && v.path() == r.selected[0].path() {
		return r.head.Quantization
	}
	return v.quantization
}

// parameters are what the hub counted, else what the header lists, which for a
// part is not all.
func (r *resolution) parameters(v variant) uint64 {
	if r.info.GGUF.v.Total == 0 && r.head != nil && len(r.selected[0].files) == 1 {
		return r.head.Parameters
	}
	return r.info.GGUF.v.Total
}

func (r *resolution) contextLength() int {
	if r.head != nil && r.head.ContextLength > 0 {
		return r.head.ContextLength
	}
	return max(0, r.info.GGUF.v.ContextLength)
}

func (r *resolution) architecture() string {
	if r.head != nil && r.head.Architecture != "" {
		return line(r.head.Architecture, 64)
	}
	return line(r.info.GGUF.v.Architecture, 64)
}

// facts are metadata; what is not known is left out.
type facts map[string]any

func (f facts) addTo(metadata map[string]any) {
	for key, value := range f {
		if value != "" && value != int64(0) && value != uint64(0) && value != 0 {
			metadata[key] = value
		}
	}
}

// description is the card's own, else what the hub knows the model to be for.
func description(i *info) string {
	if text := i.CardData.v.Description.first(); text != "" {
		return text
	}
	text := strings.ReplaceAll(line(i.PipelineTag, 60), "-", " ")
	if base := i.CardData.v.BaseModel.first(); base != "" {
		text = strings.TrimPrefix(text+", made from "+base, ", ")
	}
	if first, size := utf8.DecodeRuneInString(text); size > 0 {
		text = string(unicode.ToUpper(first)) + text[size:]
	}
	return text
}

// mostTags is how many tags a model file has.
const mostTags = 5

// dullTags say nothing to who looks for a model.
var dullTags = []string{"gguf", "safetensors", "transformers", "pytorch", "tf", "jax", "endpoints_compatible", "autotrain_compatible", "text-generation-inference", "imatrix", "llama-cpp", "gguf-my-repo"}

// tags are what the model is for, and what its author calls it. Those with a
// colon are the hub's, and stand elsewhere.
func tags(i *info) (tags []string) {
	for _, tag := range append([]string{i.PipelineTag}, i.Tags...) {
		if tag = line(tag, 40); tag != "" && len(tags) < mostTags && !strings.Contains(tag, ":") && !slices.Contains(dullTags, tag) && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}

// digest is a SHA-256 as a model file has it, or nothing.
func digest(text string) string {
	text = strings.ToLower(text)
	if len(text) != 64 || strings.Trim(text, "0123456789abcdef") != "" {
		return ""
	}
	return text
}

// line is foreign text on one line, at most so many characters long.
func line(text string, most int) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)), " ")
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}
