package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// machineWith makes this machine one with other programs: nvidia-smi says what it is told.
func machineWith(t *testing.T, smi string, programs ...string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("TensorRT-LLM runs on Linux alone")
	}
	dir := t.TempDir()
	script := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if smi != "" {
		script("nvidia-smi", smi)
	}
	for _, program := range programs {
		script(program, "exit 1")
	}
	t.Setenv("PATH", dir)
	device := nvidiaDevice
	nvidiaDevice = filepath.Join(dir, "none")
	t.Cleanup(func() { nvidiaDevice = device })
}

// TestInspectMachine: in plain words what is missing on this machine.
func TestInspectMachine(t *testing.T) {
	const h100 = `echo "NVIDIA H100 80GB HBM3, 81559, 9.0, 580.65.06"`
	fp8 := `{"quantization": {"quant_algo": "FP8"}}`
	tests := map[string]struct {
		smi      string
		programs []string
		settings string
		quant    string
		says     []string
	}{
		"all there":         {h100, []string{"trtllm-serve"}, `{}`, "", nil},
		"nothing there":     {"", nil, `{}`, "", []string{"pip install tensorrt_llm", "no NVIDIA GPU"}},
		"no program":        {h100, nil, `{}`, "", []string{"pip install tensorrt_llm"}},
		"program not there": {h100, nil, `{"trtllm_serve": "/nowhere/trtllm-serve"}`, "", []string{"/nowhere/trtllm-serve, which is no program"}},
		"driver broken":     {`echo "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."; exit 9`, []string{"trtllm-serve"}, `{}`, "", []string{"couldn't communicate"}},
		"no GPU":            {`echo "No devices were found"`, []string{"trtllm-serve"}, `{}`, "", []string{"No devices were found"}},
		"old driver":        {`echo "Tesla T4, 15360, 7.5, 470.82.01"`, []string{"trtllm-serve"}, `{}`, "", []string{"470 is too old", "compute capability 7.5"}},
		"too few GPUs":      {h100, []string{"trtllm-serve"}, `{"tp_size": 2, "pp": 2}`, "", []string{"need 4 GPUs, and this machine has 1"}},
		"FP8 on an A100":    {`echo "NVIDIA A100-SXM4-80GB, 81920, 8.0, 550.54.15"`, []string{"trtllm-serve"}, `{}`, fp8, []string{"weights are fp8"}},
		"FP8 on an H100":    {h100, []string{"trtllm-serve"}, `{}`, fp8, nil},
		"FP4 on an H100":    {h100, []string{"trtllm-serve"}, `{}`, `{"quantization": {"quant_algo": "NVFP4"}}`, []string{"Blackwell"}},
		"shared memory":     {`echo "NVIDIA GB10, [N/A], 12.1, 580.95.05"`, []string{"trtllm-serve"}, `{}`, "", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			machineWith(t, test.smi, test.programs...)
			files := map[string]string{"config.json": llama, "tokenizer.json": "{}", "model.safetensors": tensorsFile(t, 100)}
			if test.quant != "" {
				files["hf_quant_config.json"] = test.quant
			}
			got, err := newEngine().Inspect(t.Context(), sdk.LoadRequest{Model: folder(t, files), Settings: []byte(test.settings)})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Reasons) != len(test.says) {
				t.Fatalf("reasons are %q; want %q", got.Reasons, test.says)
			}
			for i, says := range test.says {
				if !strings.Contains(got.Reasons[i], says) {
					t.Errorf("reason %q; want %q", got.Reasons[i], says)
				}
			}
			if got.Memory == 0 || got.ContextLength != 2048 || len(got.Operations) != 2 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestInspectModel: what is wrong with the model itself is said first.
func TestInspectModel(t *testing.T) {
	got, err := newEngine().Inspect(t.Context(), sdk.LoadRequest{Model: folder(t, map[string]string{"w.gguf": "x"})})
	if err != nil || len(got.Reasons) != 1 || !strings.Contains(got.Reasons[0], "GGUF") {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = newEngine().Inspect(t.Context(), sdk.LoadRequest{Model: sdk.Model{ID: "x"}})
	if err != nil || len(got.Reasons) != 1 || !strings.Contains(got.Reasons[0], "base_url") {
		t.Errorf("%+v, %v", got, err)
	}
}
