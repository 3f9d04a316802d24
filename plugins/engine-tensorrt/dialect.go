package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

// dialect is how a model of a Triton wants to be asked, which its metadata tells: each
// backend has names of its own for the same things.
type dialect struct {
	name        string
	kind        string // "chat" or "embedding"
	operations  []sdk.Operation
	text        string            // the input that takes the text
	answer      string            // the output
	names       map[string]string // ours: theirs
	packed      string            // the input that takes all parameters as one JSON object
	accumulated bool              // each answer of a stream has all of the text
}

// wish is what is asked of a model that writes.
type wish struct {
	prompt     string
	stop       []string
	parameters map[string]any // by our names
}

// ensembleNames are those of TensorRT-LLM's ensemble and of its tensorrt_llm_bls.
var ensembleNames = map[string]string{
	"max_tokens": "max_tokens", "min_tokens": "min_tokens", "temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "seed": "seed",
	"frequency_penalty": "frequency_penalty", "presence_penalty": "presence_penalty", "repetition_penalty": "repetition_penalty",
	"stop": "stop_words", "stream": "stream", "exclude_input": "exclude_input_in_output", "count_input": "return_num_input_tokens", "count_output": "return_num_output_tokens",
	"guide_type": "guided_decoding_guide_type", "guide": "guided_decoding_guide",
}

// llmapiNames are those of its model of the LLM API.
var llmapiNames = map[string]string{
	"max_tokens": "sampling_param_max_tokens", "temperature": "sampling_param_temperature", "top_p": "sampling_param_top_p", "top_k": "sampling_param_top_k",
	"seed": "sampling_param_seed", "frequency_penalty": "sampling_param_frequency_penalty", "presence_penalty": "sampling_param_presence_penalty",
	"stop": "sampling_param_stop", "stream": "streaming", "exclude_input": "sampling_param_exclude_input_from_output", "reason": "return_finish_reason",
}

// packedNames are those of the backend of vLLM, which takes parameters as JSON.
var packedNames = map[string]string{
	"stream": "stream", "exclude_input": "exclude_input_in_output", "reason": "return_finish_reason", "count_input": "return_num_input_tokens", "count_output": "return_num_output_tokens",
}

// dialectOf finds how a model wants to be asked.
func dialectOf(m tritonModel) (dialect, bool) {
	has := func(name string) bool { _, ok := m.input(name); return ok }
	_, writes := m.output("text_output")
	d := dialect{kind: "chat", operations: textOperations, text: "text_input", answer: "text_output"}
	switch {
	case !writes || !has("text_input"):
		return embedding(m)
	case has("sampling_param_max_tokens"):
		d.name, d.names, d.accumulated = "llmapi", llmapiNames, true
	case has("sampling_parameters"):
		d.name, d.names, d.packed = "vllm", packedNames, "sampling_parameters"
	case has("max_tokens"):
		d.name, d.names = "ensemble", ensembleNames
		d.accumulated = strings.EqualFold(m.parameters["accumulate_tokens"], "true")
	default:
		d.name, d.names = "plain", map[string]string{"stream": "stream"}
	}
	return d, true
}

// embedding is the dialect of a model with a text in and a vector out.
func embedding(m tritonModel) (dialect, bool) {
	d := dialect{name: "embedding", kind: "embedding", operations: []sdk.Operation{sdk.OpEmbedding}}
	for _, t := range m.inputs {
		if t.Datatype != "BYTES" || d.text != "" {
			return dialect{}, false
		}
		d.text = t.Name
	}
	for _, t := range m.outputs {
		if t.Datatype == "FP32" && strings.Contains(strings.ToLower(t.Name), "embed") {
			d.answer = t.Name
		}
	}
	return d, d.text != "" && d.answer != ""
}

// inputs are the tensors of a request. What the model has no input for is left out.
func (d dialect) inputs(m tritonModel, w wish) []input {
	var all []input
	put := func(name string, values ...any) {
		if t, ok := m.input(name); ok && len(values) > 0 {
			all = append(all, input{t, values})
		}
	}
	put(d.text, w.prompt)
	flags := map[string]any{"stream": m.decoupled, "exclude_input": true, "reason": true, "count_input": true, "count_output": true}
	for ours, v := range flags {
		put(d.names[ours], v)
	}
	if d.packed != "" {
		put(d.packed, pack(w))
		return all
	}
	for ours, v := range w.parameters {
		put(d.names[ours], v)
	}
	var stops []any
	for _, s := range w.stop {
		stops = append(stops, s)
	}
	put(d.names["stop"], stops...)
	return all
}

func pack(w wish) string {
	all := map[string]any{}
	for name, v := range w.parameters {
		all[name] = v
	}
	if len(w.stop) > 0 {
		all["stop"] = w.stop
	}
	text, _ := json.Marshal(all) // of texts and numbers: it cannot fail
	return string(text)
}

// takes says whether a model has a place for a parameter.
func (d dialect) takes(m tritonModel, ours string) bool {
	if d.packed != "" {
		return !slices.Contains([]string{"guide", "guide_type"}, ours)
	}
	_, ok := m.input(d.names[ours])
	return ok
}

// echoes says whether the model may put the prompt before its answer.
func (d dialect) echoes(m tritonModel) bool {
	_, can := m.input(d.names["exclude_input"])
	return !can
}

// tooLong are the words of a prompt that does not fit.
var tooLong = regexp.MustCompile(`(?i)(?:prompt|input)[\w\s]{0,30}(?:length|len|tokens)\W.*(?:exceed|larger|longer|greater)|exceeds? (?:the )?max|max_(?:input|seq)_len|maximum (?:input|sequence|context) length|longer than the maximum`)

// wrong are the words of a request that is at fault itself.
var wrong = regexp.MustCompile(`(?i)^(?:unexpected|expected|invalid|unable to parse|missing)|must be|is required|not supported`)

// tritonRefusal is the answer to a request that Triton has refused. Errors within a
// stream have no status: then the words say whose fault it was.
func tritonRefusal(status int, words string) *openai.Error {
	if tooLong.MatchString(words) {
		return openai.Errorf("", "context_length_exceeded", "%s. Shorten the request, or ask for fewer tokens", words)
	}
	r := openai.Errorf("", "", "%s", words)
	if status == http.StatusNotFound || status >= http.StatusInternalServerError && !wrong.MatchString(words) {
		r.Status = status
	}
	return r
}
