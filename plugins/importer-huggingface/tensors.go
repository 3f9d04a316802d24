package main

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

const formatSafetensors = "safetensors"

// modelConfig is what a config.json says; of models of several kinds the part
// about text counts.
type modelConfig struct {
	ModelType  string `json:"model_type"`
	Context    int    `json:"max_position_embeddings"`
	TextConfig struct {
		Context int `json:"max_position_embeddings"`
	} `json:"text_config"`
}

func (c modelConfig) context() int { return max(c.Context, c.TextConfig.Context) }

// beside are the files that an engine needs beside safetensors.
var beside = regexp.MustCompile(`^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|preprocessor_config|` +
	`processor_config|chat_template|.*\.safetensors\.index)\.json$|^(merges\.txt|vocab\.txt|tokenizer\.model|spiece\.model|chat_template\.jinja)$`)

// tensorFiles are the weights of a repository in safetensors, then what belongs to
// them; none where there is no config.json, for then it is no model of its own but
// an adapter, or something else than text. Mistral publishes all twice, as
// "consolidated" and as Transformers has it: the second is taken.
func tensorFiles(files []sibling) (all []sibling) {
	if !slices.ContainsFunc(files, func(f sibling) bool { return f.Path == "config.json" }) {
		return nil
	}
	var others []sibling
	for _, f := range files {
		switch {
		case strings.Contains(f.Path, "/"):
		case path.Ext(f.Path) == ".safetensors":
			all = append(all, f)
		case beside.MatchString(f.Path):
			others = append(others, f)
		}
	}
	if model := slices.DeleteFunc(slices.Clone(all), func(f sibling) bool { return !strings.HasPrefix(f.Path, "model") }); len(model) > 0 {
		all = model
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b sibling) int { return strings.Compare(a.Path, b.Path) })
	return append(all, others...)
}

// hasTensor says whether a file is one of those that a model in safetensors is of.
func (r *resolution) hasTensor(name string) bool {
	return slices.ContainsFunc(r.tensors, func(f sibling) bool { return f.Path == name })
}

// precision is the type of most parameters: "BF16".
func (t tensorsInfo) precision() string {
	most := ""
	for name, n := range t.Parameters {
		if most == "" || n > t.Parameters[most] || n == t.Parameters[most] && name < most {
			most = name
		}
	}
	return line(most, 20)
}
