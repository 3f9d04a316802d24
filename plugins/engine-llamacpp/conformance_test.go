package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// binary is the plugin's program.
var binary string

func TestMain(m *testing.M) { sdktest.Main(m, &binary) }

// llamaServer is the real one that "make llamacpp" puts here.
func llamaServer(t *testing.T) string {
	t.Helper()
	program, err := filepath.Abs("../../build/plugins/engine-llamacpp/libs/llamacpp/bin/llama-server")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath(program); err == nil {
		return program
	}
	if program, err := exec.LookPath("llama-server"); err == nil {
		return program
	}
	if runtime.GOOS == "linux" {
		t.Fatal("no llama-server is here; run \"make llamacpp\" first")
	}
	t.Skip("no llama-server is installed on this system")
	return ""
}

// tinyGuide is a real model of 0.8 M parameters.
func tinyGuide(t *testing.T) sdk.Model {
	t.Helper()
	dir, err := filepath.Abs("../../examples/models/tiny-guide")
	if err != nil {
		t.Fatal(err)
	}
	return sdk.Model{ID: "tiny-guide", Dir: dir, Files: []string{filepath.Join(dir, "tiny-guide.gguf")}, Manifest: sdk.Manifest{Name: "Tiny Guide", Format: "gguf"}}
}

// stuck is a server that never answers, and has a child.
func stuck(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stuck-server")
	if err := os.WriteFile(file, []byte("#!/bin/sh\nsleep 600 &\nwait\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestConformance(t *testing.T) {
	c := sdktest.Case{
		Model:        tinyGuide(t),
		Settings:     json.RawMessage(fmt.Sprintf(`{"llama_server": %q, "ctx_len": 512, "cpu_threads": 1, "embedding": true}`, llamaServer(t))),
		BadSettings:  json.RawMessage(`{"flash_attn": "perhaps"}`),
		SlowSettings: json.RawMessage(fmt.Sprintf(`{"llama_server": %q}`, stuck(t))),
		Foreign:      sdk.Model{ID: "foreign", Dir: t.TempDir(), Files: []string{"/nowhere/model.safetensors"}},
	}
	t.Run("in process", func(t *testing.T) { sdktest.Engine(t, sdktest.Subject{Plugin: plugin}, c) })
	t.Run("program", func(t *testing.T) { sdktest.Engine(t, sdktest.Subject{Path: binary, Rounds: 20}, c) })
	t.Run("older template", func(t *testing.T) {
		c := c
		c.Settings = json.RawMessage(fmt.Sprintf(`{"llama_server": %q, "ctx_len": 512, "cpu_threads": 1,
			"prompt_template": "<|im_start|>system\n{system_message}<|im_end|>\n<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"}`, llamaServer(t)))
		sdktest.Engine(t, sdktest.Subject{Plugin: plugin}, c)
	})
}
