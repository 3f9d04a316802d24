package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// denied are the arguments of trtllm-serve that extra_args must not hold, by reason.
// They are of its list of July 2026 (its tests/unittest/api_stability) and of 1.2.
var denied = map[string]string{
	"it would listen elsewhere, or say where it listens": "--host --port --grpc --metadata_server_config_file --server_role --disagg_cluster_uri --report_addr --otlp_traces_endpoint",
	"Engine Bay sets it": "--backend --served_model_name --tensor_parallel_size --tp_size --pipeline_parallel_size --pp_size --moe_expert_parallel_size --ep_size " +
		"--gpus_per_node --max_batch_size --max_num_tokens --max_seq_len --free_gpu_memory_fraction --kv_cache_free_gpu_memory_fraction --chat_template " +
		"--config --extra_llm_api_options --log_level --telemetry --no-telemetry",
	"it would run code, or load other files":         "--trust_remote_code --custom_module_dirs --middleware --post_processor_hook --tokenizer --custom_tokenizer --revision --hf_revision --visual_gen_args",
	"requests would bring chat templates with them":  "--allow_request_chat_template",
	"more than one process would listen at the port": "--num_serve_frontends",
	"it ends at once": "--help --version",
}

var deniedArgs = index(denied)

func index(byReason map[string]string) map[string]string {
	reasons := map[string]string{}
	for reason, names := range byReason {
		for name := range strings.FieldsSeq(names) {
			reasons[name] = reason
		}
	}
	return reasons
}

// subcommands are words that trtllm-serve takes for another way to work, where they
// come first; behind a model they would be a second model.
var subcommands = []string{"serve", "disaggregated", "disaggregated_mpi_worker", "mm_embedding_serve"}

// checkExtraArgs refuses what must not be set from outside. A value of another
// argument that happens to look like a denied one is refused too.
func checkExtraArgs(args []string) error {
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		switch reason := denies(name); {
		case reason != "":
			return sdk.Errorf(sdk.CodeInvalid, "extra_args: %s is not allowed: %s", name, reason)
		case name == "--" || slices.Contains(subcommands, name):
			return sdk.Errorf(sdk.CodeInvalid, "extra_args: %s is not allowed: it would change how the arguments are read", name)
		}
	}
	return nil
}

// denies is why an argument is denied. Its name may be shortened, or have a - in the
// place of a _: some readers of arguments take that for the same. One that is not in
// the list, and that a later program may have, is known by the parts of its name.
func denies(name string) string {
	long, isLong := strings.CutPrefix(name, "--")
	if !isLong {
		if len(name) > 1 && name[0] == '-' && strings.Trim(name[1:], "0123456789.e+-") != "" {
			return "arguments of one letter are not told apart here; write its long form"
		}
		return ""
	}
	if long == "" {
		return ""
	}
	plain := func(name string) string { return strings.ReplaceAll(strings.ToLower(name), "-", "_") }
	for denied, reason := range deniedArgs {
		if strings.HasPrefix(plain(denied), "__"+plain(long)) {
			return reason
		}
	}
	for _, part := range append([]string{"extra_", "config_file", "options"}, deniedOptions...) {
		if strings.Contains(plain(long), part) {
			return "it may open files or the network, or run code"
		}
	}
	return ""
}

// deniedOptions are the members of the file of --config that would do as denied
// arguments do. They are looked for at each depth, as parts of a name: that file is
// TensorRT-LLM's own configuration, and grows.
var deniedOptions = []string{"trust_remote_code", "tokenizer", "module", "middleware", "hook", "_dir", "path", "url", "uri", "addr", "endpoint", "connector", "class", "mpi_session", "telemetry", "revision",
	"speculative_model", "checkpoint_loader", "transceiver", "env_", "environment", "_cls", "ray_", "orchestrator", "executor_worker", "_file", "filename", "cache_root",
	"workspace", "dataset", "load_balancer", "nsight"}

// allowedOptions have one of those in their name, and do no harm.
var allowedOptions = []string{"tokens_per_block", "cuda_graph_config", "skip_tokenizer_init"}

func checkExtraOptions(options map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		at := slices.IndexFunc(deniedOptions, func(part string) bool { return strings.Contains(strings.ToLower(name), part) })
		if name == "model" || at >= 0 && !slices.Contains(allowedOptions, name) {
			return sdk.Errorf(sdk.CodeInvalid, "extra_options: %s is not allowed: it may open files or the network, or run code", name)
		}
		if err := checkInner(options[name]); err != nil {
			return err
		}
	}
	return nil
}

// dotted is the name of something in a Python module.
var dotted = regexp.MustCompile(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$`)

func checkInner(value any) error {
	switch v := value.(type) {
	case string: // where a member of another name takes a place or a name of code
		if strings.ContainsAny(v, `/\~$`) || dotted.MatchString(v) {
			return sdk.Errorf(sdk.CodeInvalid, "extra_options: the value %.60q is not allowed: it may be the place of a file, or the name of code", v)
		}
	case map[string]any:
		return checkExtraOptions(v)
	case []any:
		for _, member := range v {
			if err := checkInner(member); err != nil {
				return err
			}
		}
	}
	return nil
}
