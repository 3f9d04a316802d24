package main

import (
	"encoding/json"
	"maps"
	"strconv"

	"github.com/enginebay/enginebay/sdk"
)

// start is what a command line needs to know beside the settings.
type start struct {
	model    sdk.Model
	folder   checkpoint
	port     int
	options  string // the file of extra options; may be empty
	template string // the file of the chat template; may be empty
	named    bool   // whether the program knows --served_model_name
}

// arguments are what trtllm-serve is started with: those that every version since
// 0.20 knows, and --served_model_name, which came in 2026.
func arguments(s settings, at start) []string {
	args := []string{"serve", at.folder.dir, "--host", "127.0.0.1", "--port", strconv.Itoa(at.port)}
	if at.named {
		args = append(args, "--served_model_name", at.model.ID)
	}
	if backend := s.backend(at.folder); backend != "" {
		args = append(args, "--backend", backend)
	}
	number := func(name string, n, byDefault int) {
		if n > byDefault {
			args = append(args, name, strconv.Itoa(n))
		}
	}
	number("--tp_size", s.TPSize, 1)
	number("--pp_size", s.PPSize, 1)
	number("--ep_size", s.EPSize, 0)
	number("--gpus_per_node", s.GPUs, 0)
	number("--max_batch_size", s.MaxBatchSize, 0)
	number("--max_num_tokens", s.MaxNumTokens, 0)
	number("--max_seq_len", s.MaxSeqLen, 0)
	if s.KVCacheFraction > 0 {
		args = append(args, "--kv_cache_free_gpu_memory_fraction", strconv.FormatFloat(s.KVCacheFraction, 'g', -1, 64))
	}
	if s.TrustRemoteCode {
		args = append(args, "--trust_remote_code")
	}
	if at.template != "" {
		args = append(args, "--chat_template", at.template)
	}
	if at.options != "" { // its name is --config too, in newer versions
		args = append(args, "--extra_llm_api_options", at.options)
	}
	return append(args, s.ExtraArgs...)
}

// backend is what computes; engines are for one alone, and only older programs have it.
func (s settings) backend(folder checkpoint) string {
	if s.Backend == "" && folder.engines > 0 {
		return "tensorrt"
	}
	return s.Backend
}

// options is the content of the file of extra options; nothing where there are none.
// JSON is YAML.
func (s settings) options() ([]byte, error) {
	all := maps.Clone(s.ExtraOptions)
	if s.DType != "" && s.DType != "auto" {
		if all == nil {
			all = map[string]any{}
		}
		all["dtype"] = s.DType
	}
	if len(all) == 0 {
		return nil, nil
	}
	return json.Marshal(all)
}
