package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// options are those of "trtllm-serve serve" with the types of their values, by its own
// list of July 2026 (tests/unittest/api_stability/references/trtllm_serve_cli.yaml).
// Names in one line are the same option.
const options = `
--agent_percentage float
--agent_types str
--allow_request_chat_template flag
--backend _autodeploy|pytorch
--chat_template str
--context_parallel_size --cp_size int
--custom_module_dirs str
--custom_tokenizer str
--disagg_cluster_uri str
--enable_attention_dp flag
--enable_chunked_prefill flag
--enable_visual_gen flag
--config --extra_llm_api_options str
--fail_fast_on_attention_window_too_large flag
--free_gpu_memory_fraction --kv_cache_free_gpu_memory_fraction float
--generation-config auto|trtllm
--gpus_per_node int
--grpc flag
--host str
--kv_cache_dtype auto|fp8|nvfp4
--log_level debug|error|info|internal_error|trace|verbose|warning
--max_batch_size int
--max_beam_width int
--max_num_tokens int
--max_seq_len int
--media_io_kwargs str
--metadata_server_config_file str
--middleware str
--cluster_size --moe_cluster_parallel_size int
--ep_size --moe_expert_parallel_size int
--num_postprocess_workers int
--num_serve_frontends int
--num_input_processor_workers int
--num_media_load_workers int
--otlp_traces_endpoint str
--pipeline_parallel_size --pp_size int
--port int
--post_processor_hook str
--reasoning_parser str
--report_addr str
--hf_revision --revision str
--served_model_name str
--server_role str
--telemetry flag
--no-telemetry flag
--tensor_parallel_size --tp_size int
--tokenizer str
--tool_parser str
--trust_remote_code flag
--video_pruning_rate float
--visual_gen_args str
`

// older is what version 1.2 has not, and has instead.
var older = strings.NewReplacer("--served_model_name str\n", "", "--kv_cache_dtype auto|fp8|nvfp4\n", "", "--grpc flag\n", "", "_autodeploy|pytorch", "_autodeploy|pytorch|tensorrt|trt")

// arguments are those of a call.
type arguments struct {
	folder string
	values map[string]string // by the first name of an option
}

// value is that of an option; empty where it was not given, or is not known.
func (a arguments) value(name string) string {
	if words := canonical(name); words != nil {
		return a.values[words[0]]
	}
	return ""
}

// canonical returns an option's names and the type of its values; nil for none.
func canonical(name string) []string {
	all := options
	if knob("old") {
		all = older.Replace(all)
	}
	for line := range strings.Lines(all) {
		words := strings.Fields(line)
		if len(words) > 1 && slices.Contains(words[:len(words)-1], name) {
			return words
		}
	}
	return nil
}

// clickError has the words of click, the library that reads the real one's arguments.
type clickError string

func (e clickError) Error() string { return string(e) }

func click(format string, args ...any) error { return clickError(fmt.Sprintf(format, args...)) }

// parse reads arguments as click does.
func parse(args []string) (arguments, error) {
	a := arguments{values: map[string]string{"--host": "localhost", "--port": "8000"}}
	if len(args) > 0 && args[0] == "serve" {
		args = args[1:]
	}
	for i := 0; i < len(args); i++ {
		name, value, inline := strings.Cut(args[i], "=")
		if !strings.HasPrefix(name, "-") {
			if a.folder != "" {
				return a, click("Got unexpected extra argument (%s)", args[i])
			}
			a.folder = args[i]
			continue
		}
		words := canonical(name)
		if words == nil {
			return a, click("No such option: %s", name)
		}
		kind := words[len(words)-1]
		if kind == "flag" {
			a.values[words[0]] = "true"
			continue
		}
		if !inline {
			if i++; i == len(args) {
				return a, click("Option '%s' requires an argument.", name)
			}
			value = args[i]
		}
		if err := fits(words, value); err != nil {
			return a, err
		}
		a.values[words[0]] = value
	}
	if a.folder == "" {
		return a, click("Missing argument 'MODEL'.")
	}
	return a, nil
}

func fits(words []string, value string) error {
	kind := words[len(words)-1]
	names := strings.Join(words[:len(words)-1], "' / '")
	var err error
	switch {
	case kind == "int":
		_, err = strconv.Atoi(value)
	case kind == "float":
		_, err = strconv.ParseFloat(value, 64)
	case strings.Contains(kind, "|") && !slices.Contains(strings.Split(kind, "|"), value):
		return click("Invalid value for '%s': '%s' is not one of %q.", names, value, strings.Split(kind, "|"))
	}
	if err != nil {
		return click("Invalid value for '%s': '%s' is not a valid %s.", names, value, kind)
	}
	return nil
}

// check opens what arguments name.
func (a arguments) check() error {
	if _, err := os.Stat(a.folder + "/config.json"); err != nil {
		return fmt.Errorf("%s is no checkpoint: %w", a.folder, err)
	}
	if file := a.value("--config"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if !json.Valid(text) { // Engine Bay writes YAML as JSON
			return fmt.Errorf("%s is not as Engine Bay writes it: %s", file, text)
		}
	}
	if file := a.value("--chat_template"); file != "" {
		if _, err := os.ReadFile(file); err != nil {
			return err
		}
	}
	return nil
}
