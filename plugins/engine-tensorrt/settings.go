package main

import (
	_ "embed"
	"encoding/json"
	"net/url"
	"path"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// settingsSchema says what each setting does.
//
//go:embed settings.schema.json
var settingsSchema []byte

// settings are the effective settings of one load.
type settings struct {
	BaseURL      string            `json:"base_url"`
	GRPCURL      string            `json:"grpc_url"`
	Server       string            `json:"server"`
	Protocol     string            `json:"protocol"`
	Headers      map[string]string `json:"headers"`
	ModelControl string            `json:"model_control"`
	Model        string            `json:"model"`
	Accumulated  *bool             `json:"accumulated"`

	TRTLLMServe     string         `json:"trtllm_serve"`
	Backend         string         `json:"backend"`
	TPSize          int            `json:"tp_size"`
	TP              int            `json:"tp"`
	PPSize          int            `json:"pp_size"`
	PP              int            `json:"pp"`
	EPSize          int            `json:"ep_size"`
	GPUs            int            `json:"gpus"`
	MaxBatchSize    int            `json:"max_batch_size"`
	MaxNumTokens    int            `json:"max_num_tokens"`
	MaxSeqLen       int            `json:"max_seq_len"`
	CtxLen          int            `json:"ctx_len"`
	KVCacheFraction float64        `json:"kv_cache_fraction"`
	DType           string         `json:"dtype"`
	TrustRemoteCode bool           `json:"trust_remote_code"`
	ExtraOptions    map[string]any `json:"extra_options"`
	ExtraArgs       []string       `json:"extra_args"`

	NParallel      int    `json:"n_parallel"`
	ChatTemplate   string `json:"chat_template"`
	PromptTemplate string `json:"prompt_template"`
	MaxTokens      int    `json:"max_tokens"`
}

// defaultMaxTokens is that of the schema, for a caller that fills in none.
const defaultMaxTokens = 1024

// read decodes the settings of a load, or of a deployment; whose says of whom for
// errors. The older names are read into the newer.
func read(raw json.RawMessage, whose string) (settings, error) {
	s := settings{Server: "auto", Protocol: "http", ModelControl: "none"}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &s); err != nil {
			return s, sdk.Errorf(sdk.CodeInvalid, "settings of '%s': %v", whose, err)
		}
	}
	s.TPSize = max(1, s.TPSize, s.TP)
	s.PPSize = max(1, s.PPSize, s.PP)
	if s.MaxSeqLen == 0 {
		s.MaxSeqLen = s.CtxLen
	}
	if s.MaxTokens == 0 {
		s.MaxTokens = defaultMaxTokens
	}
	if err := s.address(whose); err != nil {
		return s, err
	}
	if s.Model == "." || s.Model == ".." { // it becomes a part of a path
		return s, sdk.Errorf(sdk.CodeInvalid, "settings of '%s': model is %q, which is no name", whose, s.Model)
	}
	if err := checkExtraArgs(s.ExtraArgs); err != nil {
		return s, err
	}
	return s, checkExtraOptions(s.ExtraOptions)
}

// attached says whether the model is on a server that runs already.
func (s settings) attached() bool { return s.BaseURL != "" || s.GRPCURL != "" }

// address takes the model out of an address of the older form.
func (s *settings) address(whose string) error {
	if s.BaseURL == "" {
		if s.GRPCURL != "" { // nothing but gRPC is to be had
			s.Protocol, s.Server = "grpc", "triton"
		}
		return nil
	}
	u, err := url.Parse(s.BaseURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
		return sdk.Errorf(sdk.CodeInvalid, "settings of '%s': base_url is no address such as http://gpu1:8000", whose)
	}
	if before, after, ok := strings.Cut(u.Path, "/v2/models/"); ok {
		name, _, _ := strings.Cut(after, "/")
		if s.Model == "" {
			s.Model = name
		}
		if s.Server == "auto" {
			s.Server = "triton"
		}
		u.Path = before
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/v1")
	s.BaseURL = strings.TrimSuffix(u.String(), "/")
	if s.GRPCURL == "" && s.Protocol == "grpc" {
		s.GRPCURL = u.Scheme + "://" + u.Hostname() + ":8001"
	}
	return nil
}

// nameThere is what the server calls a model.
func (s settings) nameThere(m sdk.Model) string {
	if s.Model != "" {
		return s.Model
	}
	return path.Base(m.ID)
}
