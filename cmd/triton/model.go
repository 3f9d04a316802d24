package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// server is a Triton with its repository.
type server struct {
	explicit bool
	header   string
	pause    time.Duration
	longest  int

	mu     sync.Mutex
	models []*model
	seen   seen
}

// seen is what tests want to know.
type seen struct {
	Running, Cancelled, Loads, Unloads int
	Inputs                             map[string]any // of the last request
}

type model struct {
	name, kind            string
	decoupled, accumulate bool
	ready                 bool
	inputs, outputs       []tensor
	batched               bool // shapes have a dimension for it
}

// tensor is one of a model's; datatypes are those of the protocol.
type tensor struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
	optional bool
}

// list reads "NAME TYPE", with a ? behind what may be left out and [] behind lists.
func list(batched bool, lines string) []tensor {
	var all []tensor
	for line := range strings.Lines(lines) {
		words := strings.Fields(line)
		if len(words) != 2 {
			continue
		}
		t := tensor{Datatype: words[1], Shape: []int64{1}}
		name, optional := strings.CutSuffix(words[0], "?")
		name, many := strings.CutSuffix(name, "[]")
		t.Name, t.optional = name, optional
		if many {
			t.Shape = []int64{-1}
		}
		if batched {
			t.Shape = append([]int64{-1}, t.Shape...)
		}
		all = append(all, t)
	}
	return all
}

// kinds are the tensors of the backends' own configurations, as far as they count here.
var kinds = map[string]struct {
	batched         bool
	inputs, outputs string
}{
	"ensemble": {true, `
		text_input BYTES
		max_tokens INT32
		stop_words[]? BYTES
		exclude_input_in_output? BOOL
		top_k? INT32
		top_p? FP32
		temperature? FP32
		min_tokens? INT32
		repetition_penalty? FP32
		presence_penalty? FP32
		frequency_penalty? FP32
		seed? UINT64
		return_num_input_tokens? BOOL
		return_num_output_tokens? BOOL
		stream? BOOL
		guided_decoding_guide_type? BYTES
		guided_decoding_guide? BYTES`, `
		text_output[] BYTES
		sequence_index INT32
		num_input_tokens INT32
		num_output_tokens INT32`},
	"llmapi": {false, `
		text_input[] BYTES
		streaming? BOOL
		sampling_param_temperature? FP32
		sampling_param_top_k? INT32
		sampling_param_top_p? FP32
		sampling_param_frequency_penalty? FP32
		sampling_param_presence_penalty? FP32
		sampling_param_max_tokens? INT32
		sampling_param_stop[]? BYTES
		sampling_param_seed? UINT64
		sampling_param_exclude_input_from_output? BOOL
		return_finish_reason? BOOL`, `
		text_output[] BYTES
		finish_reason[] BYTES`},
	"vllm": {false, `
		text_input BYTES
		stream? BOOL
		sampling_parameters? BYTES
		exclude_input_in_output? BOOL
		return_finish_reason? BOOL
		return_num_input_tokens? BOOL
		return_num_output_tokens? BOOL`, `
		text_output[] BYTES
		finish_reason[] BYTES
		num_input_tokens[] UINT32
		num_output_tokens[] UINT32`},
	"embedding": {true, "text BYTES", "embedding[] FP32"},
	"image":     {true, "data_0[] FP32", "fc6_1[] FP32"},
}

func (s *server) addModel(text string) error {
	name, rest, ok := strings.Cut(text, "=")
	words := strings.Split(rest, ",")
	kind, known := kinds[words[0]]
	if !ok || !known {
		return fmt.Errorf("%q is not NAME=KIND", text)
	}
	s.models = append(s.models, &model{name: name, kind: words[0], batched: kind.batched, inputs: list(kind.batched, kind.inputs), outputs: list(kind.batched, kind.outputs),
		decoupled: slices.Contains(words, "decoupled"), accumulate: slices.Contains(words, "accumulate"), ready: !slices.Contains(words, "unloaded")})
	return nil
}

func (s *server) model(name string) *model {
	if i := slices.IndexFunc(s.models, func(m *model) bool { return m.name == name }); i >= 0 {
		return s.models[i]
	}
	return nil
}

// fault is an error with the word that gRPC has for it.
type fault struct {
	status int // of HTTP
	text   string
}

func (f *fault) Error() string { return f.text }

// loaded is a model that can be asked.
func (s *server) loaded(name string) (*model, *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m := s.model(name); {
	case m == nil:
		return nil, &fault{400, fmt.Sprintf("Request for unknown model: '%s' is not found", name)}
	case !m.ready:
		return nil, &fault{400, fmt.Sprintf("Request for unknown model: '%s' has no available versions", name)}
	default:
		return m, nil
	}
}

func (s *server) change(name string, load bool) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.model(name)
	verb := map[bool]string{true: "load", false: "unload"}[load]
	switch {
	case !s.explicit:
		return &fault{503, "explicit model load / unload is not allowed if polling is enabled"}
	case m == nil:
		return &fault{400, fmt.Sprintf("failed to %s '%s', no version is available", verb, name)}
	case load:
		s.seen.Loads++
	default:
		s.seen.Unloads++
	}
	m.ready = load
	return nil
}

func (s *server) index() []map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []map[string]string{}
	for _, m := range s.models {
		entry := map[string]string{"name": m.name}
		if m.ready {
			entry["version"], entry["state"], entry["reason"] = "1", "READY", ""
		}
		all = append(all, entry)
	}
	return all
}

// check refuses tensors as Triton does.
func (m *model) check(in map[string][]any) *fault {
	var missing, given []string
	for _, t := range m.inputs {
		values, ok := in[t.Name]
		if !ok {
			if !t.optional {
				missing = append(missing, "'"+t.Name+"'")
			}
			continue
		}
		given = append(given, "'"+t.Name+"'")
		for _, v := range values {
			if f := t.fits(v); f != nil {
				return f
			}
		}
	}
	if len(missing) > 0 {
		return &fault{400, fmt.Sprintf("[request id: <id_unknown>] expected %d inputs but got %d inputs for model '%s'. Got input(s) [%s], but missing required input(s) [%s]. Please provide all required input(s).",
			len(m.inputs), len(given), m.name, strings.Join(given, ", "), strings.Join(missing, ", "))}
	}
	return nil
}

func (t tensor) fits(v any) *fault {
	ok := false
	switch v := v.(type) {
	case string:
		ok = t.Datatype == "BYTES"
	case bool:
		ok = t.Datatype == "BOOL"
	case float64:
		ok = t.Datatype == "FP32" || v == float64(int64(v)) && (strings.HasPrefix(t.Datatype, "INT") || strings.HasPrefix(t.Datatype, "UINT") && v >= 0)
	}
	if !ok {
		return &fault{400, fmt.Sprintf("Unable to parse 'data' of input '%s': attempt to access JSON non-%s", t.Name, strings.ToLower(t.Datatype))}
	}
	return nil
}
