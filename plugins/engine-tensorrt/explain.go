package main

import (
	"errors"
	"regexp"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/process"
)

// errPort and errNoNames are ends of trtllm-serve after which it is started in
// another way.
var (
	errPort    = errors.New("the port was taken")
	errNoNames = errors.New("it does not know --served_model_name")
)

// reason is what a line of the log means.
type reason struct {
	line  *regexp.Regexp
	code  sdk.Code
	says  string // with $1 of the line; empty is the line's own words
	cause error
}

// reasons are looked for one after the other in the whole log: the first errors of
// Python are often what others only follow from.
var reasons = []reason{
	{regexp.MustCompile(`No such option:? '?--served_model_name`), sdk.CodeInvalid, "this trtllm-serve does not know --served_model_name", errNoNames},
	{regexp.MustCompile(`Failed to bind socket|[Aa]ddress already in use`), sdk.CodeUnavailable, "its port was taken by another program; try again", errPort},
	{regexp.MustCompile(`CUDA out of memory|OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY|CUDA error: out of memory|cudaErrorMemoryAllocation`), sdk.CodeExhausted,
		"the GPU has too little memory; lower kv_cache_fraction, max_seq_len or max_batch_size, raise tp_size, or stop other models", nil},
	{regexp.MustCompile(`(?i)(?:No|not enough|insufficient) (?:memory|blocks?|room)[^.]{0,40}KV cache|free_gpu_memory_fraction.*too (?:small|low)|KV cache.*(?:too small|cannot fit|not enough)`), sdk.CodeExhausted,
		"no room is left for the cache of keys and values; lower max_seq_len or max_batch_size, or raise kv_cache_fraction", nil},
	{regexp.MustCompile(`(?:MemoryError|Cannot allocate memory|std::bad_alloc)`), sdk.CodeExhausted, "the machine has too little memory; stop other models", nil},
	{regexp.MustCompile(`CUDA driver version is insufficient|driver on your system is too old|forward compatibility was attempted`), sdk.CodeUnavailable,
		"the NVIDIA driver is too old for the CUDA of this TensorRT-LLM; install a newer driver, or an older TensorRT-LLM", nil},
	{regexp.MustCompile(`No GPU devices found|no CUDA-capable device|No CUDA GPUs are available|Found no NVIDIA driver|CUDA_ERROR_NO_DEVICE`), sdk.CodeUnavailable,
		"it finds no GPU; check nvidia-smi, and the devices in the engine's file", nil},
	{regexp.MustCompile(`no kernel image is available|not supported on (?:this GPU|SM\d+)|requires? (?:at least )?SM\d+`), sdk.CodeUnsupported, "this GPU is too old, or too new, for what the model needs", nil},
	{regexp.MustCompile(`Invalid value for '?--backend'?.*tensorrt|TensorRT (?:engine )?backend (?:has been|is|was) removed`), sdk.CodeUnsupported,
		"this trtllm-serve runs no engines any more (they were dropped in 2026); take the model's checkpoint of Hugging Face, or an older TensorRT-LLM", nil},
	{regexp.MustCompile(`No such option:? '?(-[-\w]+)`), sdk.CodeInvalid, "this version of it does not know the argument $1; remove it from the settings, or install a newer TensorRT-LLM", nil},
	{regexp.MustCompile(`(?:Error: )?Invalid value for '?(-[-\w]+.*)`), sdk.CodeInvalid, "invalid value for $1", nil},
	{regexp.MustCompile(`trust_remote_code=True|requires? you to execute the configuration file`), sdk.CodeUnauthorized,
		"the checkpoint brings Python code of its own; if you trust it, set trust_remote_code in the engine's file", nil},
	{regexp.MustCompile(`(?:Unknown|Unsupported) (?:architecture|model (?:type|architecture|class))[: ]+'?([\w.-]+)|model type [\x60'"]?([\w.-]+)[\x60'"]? but Transformers does not recognize`), sdk.CodeUnsupported,
		"it does not know models of the kind $1$2; install a newer TensorRT-LLM", nil},
	{regexp.MustCompile(`(?:ModuleNotFoundError|ImportError): (.*)`), sdk.CodeUnavailable, "its Python environment is incomplete: $1; install TensorRT-LLM again", nil},
	{regexp.MustCompile(`error while loading shared libraries: (\S+?):`), sdk.CodeUnavailable, "the library $1 is missing; install TensorRT-LLM again", nil},
	{regexp.MustCompile(`(?:SafetensorError|HeaderTooLarge|InvalidHeader)[^:]*:? ?(.*)`), sdk.CodeInvalid, "a weight file is broken: $1; download the model again", nil},
	{regexp.MustCompile(`pydantic[\w.]*ValidationError|validation errors? for (\w+)`), sdk.CodeInvalid, "it refuses extra_options, by its check of $1; see the log", nil},
	{regexp.MustCompile(`^(?:\w+\.)*(?:\w*Error|\w*Exception): (.+)`), sdk.CodeInternal, "$1", nil},
}

// explain makes a sentence of trtllm-serve's end.
func explain(model string, exit process.Exit) error {
	code, says, cause := diagnose(exit)
	err := exit.Failure(code, "trtllm-serve ended with the model '%s': %s", model, says)
	err.Cause = errors.Join(cause, err.Cause)
	return err
}

func diagnose(exit process.Exit) (sdk.Code, string, error) {
	for _, r := range reasons {
		for _, line := range exit.Log {
			if found := r.line.FindStringSubmatchIndex(line); found != nil {
				return r.code, short(string(r.line.ExpandString(nil, r.says, line, found))), r.cause
			}
		}
	}
	code, says := exit.Reason()
	return code, says, nil
}
