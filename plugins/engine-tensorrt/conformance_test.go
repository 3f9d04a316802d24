package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// trtllm is the fake of trtllm-serve.
func trtllm(t *testing.T) string { return sdktest.Build(t, "../../cmd/trtllm-serve") }

// fakeTriton starts a Triton; its models are NAME=KIND.
func fakeTriton(t *testing.T, args ...string) (address, grpcAddress string) {
	t.Helper()
	lines := sdktest.Program(t, "../../cmd/triton", 2, args...)
	return lines[0], lines[1]
}

// instruct is a template by which the answers of the fake can be foretold.
const instruct = `"chat_template": "{{ messages[-1].content }}"`

// TestConformance: each way to run a model is an engine as all others.
func TestConformance(t *testing.T) {
	address, grpcAddress := fakeTriton(t, "-model", "bls=ensemble,decoupled", "-model", "llm=llmapi,decoupled", "-model", "v=vllm,decoupled", "-model", "whole=ensemble",
		"-model", "vectors=embedding", "-model", "resnet=image")
	controlled, _ := fakeTriton(t, "-model", "bls=ensemble,decoupled,unloaded", "-explicit")
	guarded, guardedCalls := fakeTriton(t, "-model", "bls=ensemble,decoupled", "-header", "triton-key=s3cret")
	remote := sdk.Model{ID: "there/bls", Dir: t.TempDir(), Manifest: sdk.Manifest{Format: "api"}}
	withGPU(t)
	tests := map[string]sdktest.Case{
		"run": {
			Model:       small(t),
			Settings:    fmt.Appendf(nil, `{"trtllm_serve": %q}`, trtllm(t)),
			BadSettings: []byte(`{"extra_args": ["--host", "0.0.0.0"]}`),
			Foreign:     folder(t, map[string]string{"w.gguf": "x"}),
		},
		"run an older one": {Model: small(t), Settings: fmt.Appendf(nil, `{"trtllm_serve": %q}`, wrapper(t, "old"))},
		"triton":           {Model: remote, Settings: fmt.Appendf(nil, `{"base_url": %q, "model": "bls", %s}`, address, instruct), BadSettings: []byte(`{"base_url": "nonsense"}`)},
		"triton by gRPC":   {Model: remote, Settings: fmt.Appendf(nil, `{"grpc_url": %q, "model": "bls", %s}`, grpcAddress, instruct)},
		"older address":    {Model: sdk.Model{ID: "anything"}, Settings: fmt.Appendf(nil, `{"base_url": "%s/v2/models/bls/generate"}`, address)},
		"LLM API":          {Model: remote, Settings: fmt.Appendf(nil, `{"base_url": %q, "model": "llm", %s}`, address, instruct)},
		"vLLM by gRPC":     {Model: remote, Settings: fmt.Appendf(nil, `{"base_url": %q, "protocol": "grpc", "grpc_url": %q, "model": "v", %s}`, address, grpcAddress, instruct)},
		"one answer":       {Model: remote, Settings: fmt.Appendf(nil, `{"base_url": %q, "model": "whole", "n_parallel": 2}`, address)},
		"vectors":          {Model: remote, Settings: fmt.Appendf(nil, `{"base_url": %q, "model": "vectors"}`, address)},
		"controlled":       {Model: remote, Settings: fmt.Appendf(nil, `{"base_url": %q, "model": "bls", "model_control": "explicit"}`, controlled)},
		"with a key":       {Model: remote, Settings: fmt.Appendf(nil, `{"base_url": %q, "model": "bls", "headers": {"triton-key": "{api_key}"}}`, guarded), Secrets: map[string]string{"api_key": "s3cret"}},
		"with a key by gRPC": {Model: remote, Settings: fmt.Appendf(nil, `{"grpc_url": %q, "model": "bls", "headers": {"Triton-Key": "{api_key}"}}`, guardedCalls),
			Secrets: map[string]string{"api_key": "s3cret"}},
		"trtllm-serve": {Model: sdk.Model{ID: "small"}, Settings: fmt.Appendf(nil, `{"base_url": %q}`, serving(t, "small", ""))},
		"trtllm-serve of another name, with a key": {Model: remote, Settings: fmt.Appendf(nil, `{"base_url": "%s/v1"}`, serving(t, "theirs", "key s3cret")),
			Secrets: map[string]string{"api_key": "s3cret"}},
		"triton-openai": {Model: remote, Settings: fmt.Appendf(nil, `{"base_url": %q, "model": "theirs"}`, serving(t, "theirs", "front"))},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Run("in process", func(t *testing.T) {
				own := plugin
				own.Engine = newEngine()
				sdktest.Engine(t, sdktest.Subject{Plugin: own}, c)
			})
			if name == "run" || name == "triton" || name == "triton by gRPC" || strings.HasPrefix(name, "trtllm-serve of") {
				t.Run("program", func(t *testing.T) { sdktest.Engine(t, sdktest.Subject{Path: program, Rounds: 20}, c) })
			}
		})
	}
}

// TestSlowLoad: a load that never ends is called off, with all of its children.
func TestSlowLoad(t *testing.T) {
	withGPU(t)
	c := sdktest.Case{
		Model:        small(t),
		Settings:     fmt.Appendf(nil, `{"trtllm_serve": %q}`, trtllm(t)),
		SlowSettings: fmt.Appendf(nil, `{"trtllm_serve": %q}`, wrapper(t, "hang")),
	}
	sdktest.Engine(t, sdktest.Subject{Path: program, Rounds: 20}, c)
}
