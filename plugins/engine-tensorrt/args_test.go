package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// always is what every command line begins with.
const always = "serve /m --host 127.0.0.1 --port 8123 --served_model_name small"

// TestArguments is the whole command line for each setting.
func TestArguments(t *testing.T) {
	tests := map[string]struct {
		settings string
		engines  int
		want     string
		options  string
	}{
		"none":              {`{}`, 0, "", ""},
		"tp_size":           {`{"tp_size": 4}`, 0, "--tp_size 4", ""},
		"tp":                {`{"tp": 2, "pp": 2}`, 0, "--tp_size 2 --pp_size 2", ""},
		"tp of one":         {`{"tp": 1}`, 0, "", ""},
		"ep_size":           {`{"ep_size": 8}`, 0, "--ep_size 8", ""},
		"gpus":              {`{"gpus": 2}`, 0, "--gpus_per_node 2", ""},
		"batch":             {`{"max_batch_size": 64, "max_num_tokens": 8192}`, 0, "--max_batch_size 64 --max_num_tokens 8192", ""},
		"max_seq_len":       {`{"max_seq_len": 4096}`, 0, "--max_seq_len 4096", ""},
		"ctx_len":           {`{"ctx_len": 2048}`, 0, "--max_seq_len 2048", ""},
		"both":              {`{"ctx_len": 2048, "max_seq_len": 4096}`, 0, "--max_seq_len 4096", ""},
		"ctx_len of none":   {`{"ctx_len": 0}`, 0, "", ""},
		"kv_cache_fraction": {`{"kv_cache_fraction": 0.85}`, 0, "--kv_cache_free_gpu_memory_fraction 0.85", ""},
		"backend":           {`{"backend": "_autodeploy"}`, 0, "--backend _autodeploy", ""},
		"engines":           {`{}`, 1, "--backend tensorrt", ""},
		"trust":             {`{"trust_remote_code": true}`, 0, "--trust_remote_code", ""},
		"dtype":             {`{"dtype": "float16"}`, 0, "--extra_llm_api_options /run/o.yaml", `{"dtype":"float16"}`},
		"dtype auto":        {`{"dtype": "auto"}`, 0, "", ""},
		"extra_options":     {`{"dtype": "bfloat16", "extra_options": {"kv_cache_config": {"enable_block_reuse": false}}}`, 0, "--extra_llm_api_options /run/o.yaml", `{"dtype":"bfloat16","kv_cache_config":{"enable_block_reuse":false}}`},
		"chat_template":     {`{"chat_template": "x"}`, 0, "--chat_template /run/t.jinja", ""},
		"extra_args":        {`{"extra_args": ["--enable_chunked_prefill", "--kv_cache_dtype", "fp8"]}`, 0, "--enable_chunked_prefill --kv_cache_dtype fp8", ""},
		"n_parallel":        {`{"n_parallel": 8}`, 0, "", ""},
		"not ours":          {`{"text_model": false, "ngl": 100}`, 0, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := read([]byte(test.settings), "small")
			if err != nil {
				t.Fatal(err)
			}
			options, err := s.options()
			if err != nil || string(options) != test.options {
				t.Errorf("options are %s, %v; want %s", options, err, test.options)
			}
			at := start{model: sdk.Model{ID: "small"}, folder: checkpoint{dir: "/m", engines: test.engines}, port: 8123, named: true}
			if options != nil {
				at.options = "/run/o.yaml"
			}
			if template, _ := s.template(); template != "" {
				at.template = "/run/t.jinja"
			}
			if got := strings.Join(arguments(s, at), " "); got != strings.TrimSpace(always+" "+test.want) {
				t.Errorf("\n got %s\nwant %s", got, always+" "+test.want)
			}
		})
	}
}

// TestDenied: what Engine Bay sets, and what opens files or the network, comes from nobody else.
func TestDenied(t *testing.T) {
	for name := range deniedArgs {
		for _, spelling := range []string{name, name + "=value"} {
			if err := checkExtraArgs([]string{"--enable_chunked_prefill", spelling}); sdk.CodeOf(err) != sdk.CodeInvalid || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: got %v", spelling, err)
			}
		}
	}
	for _, args := range [][]string{{"disaggregated"}, {"--"}, {"--max_beam_width", "serve"}, {"--extra_llm_api"}, {"--extra-llm-api-options=/x"}, {"--HOST", "0.0.0.0"}, {"--hos=0.0.0.0"},
		{"--extra_visual_gen_options", "/x"}, {"--draft_model_path=/x"}, {"-c", "/x"}, {"-p80"}} {
		if err := checkExtraArgs(args); sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("%q: got %v", args, err)
		}
	}
	for _, args := range [][]string{nil, {"--kv_cache_dtype", "fp8"}, {"--reasoning_parser", "qwen3"}, {"--enable_attention_dp"}, {"--max_beam_width", "4"}, {"--tool_parser", "auto"}, {"--max_beam_width", "-1.5"}, {"--media_io_kwargs", "{}"}} {
		if err := checkExtraArgs(args); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestDeniedOptions(t *testing.T) {
	for options, ok := range map[string]bool{
		`{"kv_cache_config": {"enable_block_reuse": false, "tokens_per_block": 64}}`: true,
		`{"cuda_graph_config": {"batch_sizes": [1, 2]}, "stream_interval": 2}`:       true,
		`{"torch_compile_config": {"enable_fullgraph": true}}`:                       true,
		`{"moe_config": {"backend": "CUTLASS"}, "enable_chunked_prefill": true}`:     true,
		`{"trust_remote_code": true}`:                                                false,
		`{"model": "/etc"}`:                                                          false,
		`{"tokenizer": "/tmp/evil"}`:                                                 false,
		`{"custom_module_dirs": ["/tmp"]}`:                                           false,
		`{"otlp_traces_endpoint": "http://10.0.0.1"}`:                                false,
		`{"kv_connector_config": {"connector_module": "evil"}}`:                      false,
		`{"lora_config": {"lora_dir": ["/tmp/x"]}}`:                                  false,
		`{"list": [{"deep": {"Path": "/x"}}]}`:                                       false,
		`{"speculative_config": {"speculative_model_dir": "/x"}}`:                    false,
		`{"env_overrides": {"LD_PRELOAD": "x.so"}}`:                                  false,
		`{"moe_config": {"load_balancer": "x.yaml"}}`:                                false,
		`{"orchestrator_type": "ray"}`:                                               false,
		`{"ray_worker_extension_cls": "os"}`:                                         false,
		`{"calib_config": {"calib_dataset": "cnn"}}`:                                 false,
		`{"enable_build_cache": {"cache_root": "x"}}`:                                false,
		`{"anything": "../x"}`:                                                       false,
		`{"anything": ["evil.module.Class"]}`:                                        false,
		`{"kv_cache_config": {"dtype": "fp8", "free_gpu_memory_fraction": "0.9"}, "guided_decoding_backend": "xgrammar"}`: true,
	} {
		var o map[string]any
		if err := json.Unmarshal([]byte(options), &o); err != nil {
			t.Fatal(err)
		}
		if err := checkExtraOptions(o); (err == nil) != ok || err != nil && sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("%s: %v", options, err)
		}
	}
}
