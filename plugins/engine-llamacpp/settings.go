package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// settingsSchema says what each setting does.
//
//go:embed settings.schema.json
var settingsSchema []byte

// settings are the effective settings of one load. Pointers tell "not set" from
// a zero.
type settings struct {
	LlamaServer string `json:"llama_server"`

	CtxLen       int       `json:"ctx_len"`
	NParallel    int       `json:"n_parallel"`
	CPUThreads   int       `json:"cpu_threads"`
	ContBatching *bool     `json:"cont_batching"`
	FlashAttn    flashAttn `json:"flash_attn"`
	CacheType    string    `json:"cache_type"`
	CacheTypeK   string    `json:"cache_type_k"`
	CacheTypeV   string    `json:"cache_type_v"`
	Embedding    bool      `json:"embedding"`
	Pooling      string    `json:"pooling"`
	VisionModel  *bool     `json:"vision_model"`
	NBatch       int       `json:"n_batch"`
	NUBatch      int       `json:"n_ubatch"`
	UseMmap      *bool     `json:"use_mmap"`
	Mlock        bool      `json:"mlock"`

	offload

	ChatTemplate   string `json:"chat_template"`
	PromptTemplate string `json:"prompt_template"`
	PrePrompt      string `json:"pre_prompt"`
	SystemPrompt   string `json:"system_prompt"`
	UserPrompt     string `json:"user_prompt"`
	AIPrompt       string `json:"ai_prompt"`

	ExtraArgs []string `json:"extra_args"`
}

// flashAttn is "on", "off" or "auto"; older files have a boolean.
type flashAttn string

// UnmarshalJSON implements json.Unmarshaler.
func (f *flashAttn) UnmarshalJSON(data []byte) error {
	switch text := strings.Trim(string(data), `"`); text {
	case "true", "on":
		*f = "on"
	case "false", "off":
		*f = "off"
	case "null", "", "auto":
		*f = "auto"
	default:
		return fmt.Errorf("flash_attn is %s; it can be on, off or auto", text)
	}
	return nil
}

// defaultCtxLen bounds the context where nobody chose one: a model's own may be
// 128k tokens and more, which few machines have the memory for.
const defaultCtxLen = 8192

// defaultParallel is that of the schema, for a caller that fills in none.
const defaultParallel = 4

// read decodes the settings of a load and fills in what depends on the model and
// the machine.
func read(req sdk.LoadRequest, h *gguf.Header) (settings, error) {
	s := settings{CtxLen: -1}
	if len(req.Settings) > 0 {
		if err := json.Unmarshal(req.Settings, &s); err != nil {
			return s, sdk.Errorf(sdk.CodeInvalid, "settings of '%s': %v", req.Model.ID, err)
		}
	}
	switch {
	case h.ContextLength == 0 && s.CtxLen <= 0:
		s.CtxLen = defaultCtxLen
	case s.CtxLen < 0:
		s.CtxLen = min(h.ContextLength, defaultCtxLen)
	case s.CtxLen == 0:
		s.CtxLen = h.ContextLength
	}
	if s.NParallel == 0 {
		s.NParallel = defaultParallel
	}
	if s.CPUThreads <= 0 {
		s.CPUThreads = threads()
	}
	if len(s.Devices) == 0 && gpusHidden() {
		s.Devices = []string{"none"}
	}
	if s.FlashAttn == "" {
		s.FlashAttn = "auto"
	}
	if s.CacheTypeK == "" {
		s.CacheTypeK = s.CacheType
	}
	if s.CacheTypeV == "" {
		s.CacheTypeV = s.CacheType
	}
	if s.Pooling == "" && h.Pooling == "" {
		s.Pooling = "mean"
	}
	return s, checkExtraArgs(s.ExtraArgs)
}

// threads is half of the processors: their number counts two for each core, and
// one thread per core that is busy elsewhere spins against the others (measured:
// 3 tokens a second with two threads on two loaded cores, 3,000 with one).
func threads() int { return max(1, runtime.NumCPU()/2) }
