package gguf_test

import (
	"slices"
	"testing"

	"github.com/enginebay/enginebay/sdk/gguf"
)

func TestQuantization(t *testing.T) {
	tests := []struct{ name, want string }{
		{"mistral-7b-instruct-v0.2.Q4_K_M.gguf", "Q4_K_M"},
		{"trinity-v1.q4_k_m.gguf", "Q4_K_M"},
		{"llama2-70b-q4-K-M.gguf", "Q4_K_M"},
		{"mistral-7b-Q3-K-L.gguf", "Q3_K_L"},
		{"mistral-7b-q3-K-L", "Q3_K_L"},
		{"X (Q4 K M).gguf", "Q4_K_M"},
		{"Qwen3-30B-A3B-UD-Q4_K_XL.gguf", "Q4_K_XL"},
		{"Qwen3-UD-IQ1_S.gguf", "IQ1_S"},
		{"ud-q2_k_xl.gguf", "Q2_K_XL"},
		{"x-UD-Q8_K_XL.gguf", "Q8_K_XL"},
		{"DeepSeek-V3-Q4_K_M-00001-of-00009.gguf", "Q4_K_M"},
		{"Q2_K_XS/DeepSeek-UD-IQ2_XXS-00001-of-00003.gguf", "IQ2_XXS"},
		{"UD-Q4_K_XL/DeepSeek-00001-of-00003.gguf", "Q4_K_XL"},
		{"x.IQ1_M.gguf", "IQ1_M"}, {"x.IQ2_XS.gguf", "IQ2_XS"}, {"x.IQ2_S.gguf", "IQ2_S"}, {"x.iq2_m.gguf", "IQ2_M"},
		{"x.IQ3_XXS.gguf", "IQ3_XXS"}, {"x.IQ3_XS.gguf", "IQ3_XS"}, {"x.IQ3_S.gguf", "IQ3_S"}, {"x.IQ3_M.gguf", "IQ3_M"},
		{"x-iq4-xs.gguf", "IQ4_XS"}, {"x.IQ4_NL.gguf", "IQ4_NL"},
		{"x.Q2_K.gguf", "Q2_K"}, {"x.Q2_K_S.gguf", "Q2_K_S"}, {"x.Q2_K_L.gguf", "Q2_K_L"},
		{"x.Q3_K.gguf", "Q3_K"}, {"x.Q3_K_S.gguf", "Q3_K_S"}, {"x.Q4_K.gguf", "Q4_K"}, {"x.Q4_K_S.gguf", "Q4_K_S"},
		{"ggml-model-q5_k.gguf", "Q5_K"}, {"x.Q5_K_S.gguf", "Q5_K_S"}, {"x.Q5_K_M.gguf", "Q5_K_M"},
		{"x.Q6_K.gguf", "Q6_K"}, {"x-Q6_K_L.gguf", "Q6_K_L"}, {"x.Q8_0.gguf", "Q8_0"}, {"x-q8-0.gguf", "Q8_0"},
		{"x.Q4_0.gguf", "Q4_0"}, {"x.Q4_1.gguf", "Q4_1"}, {"x.Q5_0.gguf", "Q5_0"}, {"x.Q5_1.gguf", "Q5_1"},
		{"x-Q4_0_4_4.gguf", "Q4_0_4_4"}, {"x-Q4_0_4_8.gguf", "Q4_0_4_8"}, {"x-q4-0-8-8.gguf", "Q4_0_8_8"},
		{"x-TQ1_0.gguf", "TQ1_0"}, {"x.tq2_0.gguf", "TQ2_0"},
		{"gpt-oss-20b-MXFP4.gguf", "MXFP4"}, {"gpt-oss-20b-mxfp4_moe.gguf", "MXFP4"}, {"x-NVFP4.gguf", "NVFP4"},
		{"x-BF16.gguf", "BF16"}, {"x.bf16-00001-of-00002.gguf", "BF16"},
		{"x-F16.gguf", "F16"}, {"x.fp16.gguf", "F16"}, {"x-F32.gguf", "F32"}, {"x-FP32.gguf", "F32"},
		{"mmproj-model-f16.gguf", "F16"},
		{"Model-F16-distill.Q5_K_M.gguf", "Q5_K_M"},
		{"q4_k_m_imatrix.gguf", "Q4_K_M"},
		{"Q8_0", "Q8_0"},

		{"mistral-7b-gguf-q8_k_m", ""}, // the seed documents' own, which nobody makes
		{"model-q8_k_k.gguf", ""},
		{"model.gguf", ""}, {"", ""}, {"....", ""}, {"Q4.gguf", ""},
		{"elf16.gguf", ""}, {"XQ4_K_M.gguf", ""}, {"Q4_KM.gguf", ""}, {"Q4_00.gguf", ""}, {"f160.gguf", ""}, {"éQ8_0é", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := gguf.Quantization(tt.name); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSplitPart(t *testing.T) {
	tests := []struct {
		name, prefix string
		no, count    int
	}{
		{"x-Q4_K_M-00001-of-00003.gguf", "x-Q4_K_M", 1, 3},
		{"dir/x-00003-of-00003.GGUF", "dir/x", 3, 3},
		{"x-00001-of-00001.gguf", "x", 1, 1},
		{"x-00001-of-00002-00002-of-00004.gguf", "x-00001-of-00002", 2, 4},
		{"x-00000-of-00003.gguf", "", 0, 0},
		{"x-00004-of-00003.gguf", "", 0, 0},
		{"x-00001-of-00000.gguf", "", 0, 0},
		{"x-00001-of-99999.gguf", "", 0, 0},
		{"x-1-of-3.gguf", "", 0, 0},
		{"x-000001-of-000003.gguf", "", 0, 0},
		{"-00001-of-00003.gguf", "", 0, 0},
		{"x-00001-of-00003.gguf.part", "", 0, 0},
		{"x.gguf", "", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			prefix, no, count, ok := gguf.SplitPart(tt.name)
			if prefix != tt.prefix || no != tt.no || count != tt.count || ok != (tt.no > 0) {
				t.Errorf("got %q, %d, %d, %v", prefix, no, count, ok)
			}
		})
	}
}

func TestIsMMProj(t *testing.T) {
	tests := []struct {
		name string
		want bool
	}{
		{"mmproj-model-f16.gguf", true},
		{"MMPROJ-BF16.gguf", true},
		{"llava-v1.6.mmproj-Q8_0.gguf", true},
		{"dir/x_mmproj.gguf", true},
		{`dir\mmproj.gguf`, true},
		{"mmproj/model.gguf", false},
		{`mmproj\model.gguf`, false},
		{"hammproj.gguf", false},
		{"model.gguf", false},
		{"", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := gguf.IsMMProj(tt.name); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestParts(t *testing.T) {
	for name, want := range map[string][]string{
		"x.gguf":                       {"x.gguf"},
		"a/x-Q8_0-00002-of-00002.GGUF": {"a/x-Q8_0-00001-of-00002.GGUF", "a/x-Q8_0-00002-of-00002.GGUF"},
		"x-00003-of-00002.gguf":        {"x-00003-of-00002.gguf"},
	} {
		if got := gguf.Parts(name); !slices.Equal(got, want) {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestSubject(t *testing.T) {
	for name, want := range map[string]string{
		"Tiny_1B.Q4_K_M-00001-of-00002.gguf": "tiny-1b",
		"/models/mmproj-tiny-1b-f16.gguf":    "tiny-1b",
		`C:\models\tiny 1b.gguf`:             "tiny-1b",
		"mmproj-model-f16.gguf":              "",
		"q8_0.gguf":                          "",
	} {
		if got := gguf.Subject(name); got != want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}
