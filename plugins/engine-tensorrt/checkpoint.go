package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// maxConfig bounds the JSON files of a checkpoint and the heads of its weights.
const maxConfig = 64 << 20

// checkpoint is a model's folder: Hugging Face's form, or one of engines.
type checkpoint struct {
	dir     string
	size    int64 // bytes of the weights
	engines int   // rank0.engine and so on; none in a checkpoint

	architecture string
	dtype        string // "bfloat16"; of the weights where they are not quantized
	quantized    string // "fp8", "nvfp4", "awq"; empty: not
	context      int    // tokens; 0 where unknown
	perToken     int64  // bytes of keys and values of one token; 0 where unknown
}

// modelConfig is what is read of config.json.
type modelConfig struct {
	Architectures []string `json:"architectures"`
	TorchDType    string   `json:"torch_dtype"`
	DType         string   `json:"dtype"`
	shape
	Text           *shape         `json:"text_config"` // of a model that sees, too
	Quantization   map[string]any `json:"quantization_config"`
	BuildConfig    map[string]any `json:"build_config"`
	PretrainedConf map[string]any `json:"pretrained_config"`
}

type shape struct {
	Layers   int `json:"num_hidden_layers"`
	Heads    int `json:"num_attention_heads"`
	KVHeads  int `json:"num_key_value_heads"`
	HeadDim  int `json:"head_dim"`
	Hidden   int `json:"hidden_size"`
	Context  int `json:"max_position_embeddings"`
	KVLoRA   int `json:"kv_lora_rank"` // of attention that keeps a compressed form
	RopeHead int `json:"qk_rope_head_dim"`
}

// open reads a model's folder.
//
// Errors: [sdk.CodeUnsupported] for a model of another kind, [sdk.CodeInvalid] for a
// folder in which something is missing or broken.
func open(m sdk.Model) (checkpoint, error) {
	c := checkpoint{dir: m.Dir}
	if len(m.Files) > 0 {
		c.dir = filepath.Dir(m.Files[0])
		for _, file := range m.Files {
			if other := otherKind(file); other != "" {
				return c, sdk.Errorf(sdk.CodeUnsupported, "%s", other)
			}
			if _, err := os.Stat(file); err != nil {
				return c, sdk.Errorf(sdk.CodeInvalid, "the weight file %s is missing; download the model again", filepath.Base(file))
			}
		}
	}
	if c.dir == "" {
		return c, sdk.Errorf(sdk.CodeUnsupported, "it has no folder with weights; name a server that has the model as base_url in the engine's file")
	}
	var conf modelConfig
	switch err := readJSON(filepath.Join(c.dir, "config.json"), &conf); {
	case errors.Is(err, fs.ErrNotExist):
		return c, c.withoutConfig()
	case err != nil:
		return c, sdk.Errorf(sdk.CodeInvalid, "config.json is broken: %v; download it again", err)
	}
	if conf.BuildConfig != nil || conf.PretrainedConf != nil {
		return c, c.openEngines()
	}
	c.describe(conf)
	if err := c.weigh(); err != nil {
		return c, err
	}
	return c, c.checkTokenizer()
}

// otherKind says what runs a weight file that TensorRT-LLM does not read.
func otherKind(file string) string {
	name := filepath.Base(file)
	switch strings.ToLower(filepath.Ext(file)) {
	case ".gguf":
		return fmt.Sprintf("%s is a GGUF file, which llama.cpp runs and TensorRT-LLM does not; take the model's checkpoint of Hugging Face, or the engine llamacpp", name)
	case ".bin", ".pt", ".pth":
		return fmt.Sprintf("%s are weights of PyTorch's own form; take the safetensors of the model", name)
	case ".onnx":
		return fmt.Sprintf("%s is an ONNX file, which TensorRT-LLM does not read", name)
	}
	return ""
}

// withoutConfig says what a folder without config.json is.
func (c *checkpoint) withoutConfig() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return sdk.Errorf(sdk.CodeInvalid, "the model's folder cannot be read: %v", err)
	}
	for _, e := range entries {
		if other := otherKind(e.Name()); other != "" {
			return sdk.Errorf(sdk.CodeUnsupported, "%s", other)
		}
	}
	return sdk.Errorf(sdk.CodeInvalid, "config.json is missing: the folder is no checkpoint of Hugging Face, or an incomplete one; download the model again")
}

// openEngines reads a folder of engines, one for each GPU.
func (c *checkpoint) openEngines() error {
	for {
		info, err := os.Stat(filepath.Join(c.dir, fmt.Sprintf("rank%d.engine", c.engines)))
		if err != nil {
			break
		}
		c.engines++
		c.size += info.Size()
	}
	if c.engines == 0 {
		return sdk.Errorf(sdk.CodeInvalid, "config.json is that of a folder of engines, and rank0.engine is missing; build the engine, or take the model's checkpoint of Hugging Face")
	}
	return nil
}

// describe takes what a load needs to know out of config.json.
func (c *checkpoint) describe(conf modelConfig) {
	if len(conf.Architectures) > 0 {
		c.architecture = conf.Architectures[0]
	}
	c.dtype = conf.TorchDType + conf.DType
	if conf.DType != "" {
		c.dtype = conf.DType
	}
	c.quantized = c.quantization(conf)
	s := conf.shape
	if s.Layers == 0 && conf.Text != nil {
		s = *conf.Text
	}
	c.context = s.Context
	if s.HeadDim == 0 && s.Heads > 0 {
		s.HeadDim = s.Hidden / s.Heads
	}
	if s.KVHeads == 0 {
		s.KVHeads = s.Heads
	}
	numbers := int64(2*s.KVHeads) * int64(s.HeadDim)
	if s.KVLoRA > 0 {
		numbers = int64(s.KVLoRA + s.RopeHead)
	}
	c.perToken = max(0, numbers*int64(s.Layers)*2) // 16 bits each
}

// quantization is named in config.json, or in a file beside it where NVIDIA's tools
// made the checkpoint.
func (c *checkpoint) quantization(conf modelConfig) string {
	var own struct {
		Quantization struct {
			Algorithm string `json:"quant_algo"`
		} `json:"quantization"`
	}
	_ = readJSON(filepath.Join(c.dir, "hf_quant_config.json"), &own) // most have none
	for _, name := range []any{own.Quantization.Algorithm, conf.Quantization["quant_algo"], conf.Quantization["quant_method"]} {
		if text, ok := name.(string); ok && text != "" {
			return strings.ToLower(text)
		}
	}
	return ""
}

// weigh adds up the weights, all of which must be there and whole.
func (c *checkpoint) weigh() error {
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	files := map[string]bool{}
	switch err := readJSON(filepath.Join(c.dir, "model.safetensors.index.json"), &index); {
	case err == nil:
		for _, file := range index.Map {
			files[filepath.Base(file)] = true
		}
	case !errors.Is(err, fs.ErrNotExist):
		return sdk.Errorf(sdk.CodeInvalid, "model.safetensors.index.json is broken: %v; download it again", err)
	default:
		found, _ := filepath.Glob(filepath.Join(escaped(c.dir), "*.safetensors")) // the pattern is right
		for _, file := range found {
			files[filepath.Base(file)] = true
		}
	}
	if len(files) == 0 {
		return c.withoutWeights()
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		size, err := safetensors(filepath.Join(c.dir, file))
		if errors.Is(err, fs.ErrNotExist) {
			return sdk.Errorf(sdk.CodeInvalid, "the checkpoint is incomplete: %s is missing; download the model again", file)
		} else if err != nil {
			return sdk.Errorf(sdk.CodeInvalid, "the checkpoint is broken: %s: %v; download the file again", file, err)
		}
		c.size += size
	}
	return nil
}

func (c *checkpoint) withoutWeights() error {
	entries, _ := os.ReadDir(c.dir) // config.json was read from it
	for _, e := range entries {
		if other := otherKind(e.Name()); other != "" {
			return sdk.Errorf(sdk.CodeUnsupported, "%s", other)
		}
	}
	return sdk.Errorf(sdk.CodeInvalid, "the checkpoint is incomplete: there is no .safetensors file; download the model again")
}

// escaped is a path as a part of a pattern.
func escaped(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// safetensors returns the size of a weight file, whose head says how long it must be:
// eight bytes of length, so much JSON with the place of each tensor, the numbers.
func safetensors(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	var length uint64
	if err := binary.Read(f, binary.LittleEndian, &length); err != nil || length > maxConfig {
		return 0, errors.New("it is no safetensors file")
	}
	tensors := map[string]json.RawMessage{}
	if err := json.NewDecoder(io.LimitReader(f, int64(length))).Decode(&tensors); err != nil {
		return 0, errors.New("it is no safetensors file, or cut off in its head")
	}
	end := int64(0)
	for name, raw := range tensors {
		var tensor struct {
			Offsets [2]int64 `json:"data_offsets"`
		}
		if name != "__metadata__" && json.Unmarshal(raw, &tensor) == nil {
			end = max(end, tensor.Offsets[1])
		}
	}
	if want := 8 + int64(length) + end; info.Size() < want {
		return 0, fmt.Errorf("it has %d of %d bytes", info.Size(), want)
	}
	return info.Size(), nil
}

// tokenizers are files one of which a checkpoint must have.
var tokenizers = []string{"tokenizer.json", "tokenizer.model", "vocab.json", "tiktoken.model", "tekken.json", "spiece.model", "vocab.txt"}

func (c *checkpoint) checkTokenizer() error {
	for _, name := range tokenizers {
		if _, err := os.Stat(filepath.Join(c.dir, name)); err == nil {
			return nil
		}
	}
	return sdk.Errorf(sdk.CodeInvalid, "the checkpoint is incomplete: it has no tokenizer (tokenizer.json); download that file of the model too")
}

// memory estimates what a load takes at least: the weights, a tenth for what is
// computed with them, and the keys and values of one request as long as may be, or of
// as many as are sent at once.
func (c *checkpoint) memory(s settings) uint64 {
	tokens := c.context
	if s.MaxSeqLen > 0 {
		tokens = s.MaxSeqLen
	}
	return uint64(c.size+c.size/10) + uint64(c.perToken)*uint64(max(1, s.NParallel))*uint64(tokens)
}

func readJSON(path string, v any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}
