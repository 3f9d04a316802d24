package gguf

// tensorType is how the numbers of a tensor are stored: in blocks of so many numbers, each so many bytes long.
type tensorType struct {
	name         string
	block, bytes uint64
}

// tensorTypes are ggml's, by number (enum ggml_type in ggml.h, type_traits in ggml.c). Types that were taken out of ggml
// again have no name.
var tensorTypes = [...]tensorType{
	0: {"F32", 1, 4}, 1: {"F16", 1, 2}, 2: {"Q4_0", 32, 18}, 3: {"Q4_1", 32, 20},
	6: {"Q5_0", 32, 22}, 7: {"Q5_1", 32, 24}, 8: {"Q8_0", 32, 34}, 9: {"Q8_1", 32, 36},
	10: {"Q2_K", 256, 84}, 11: {"Q3_K", 256, 110}, 12: {"Q4_K", 256, 144}, 13: {"Q5_K", 256, 176},
	14: {"Q6_K", 256, 210}, 15: {"Q8_K", 256, 292},
	16: {"IQ2_XXS", 256, 66}, 17: {"IQ2_XS", 256, 74}, 18: {"IQ3_XXS", 256, 98}, 19: {"IQ1_S", 256, 50},
	20: {"IQ4_NL", 32, 18}, 21: {"IQ3_S", 256, 110}, 22: {"IQ2_S", 256, 82}, 23: {"IQ4_XS", 256, 136},
	24: {"I8", 1, 1}, 25: {"I16", 1, 2}, 26: {"I32", 1, 4}, 27: {"I64", 1, 8}, 28: {"F64", 1, 8},
	29: {"IQ1_M", 256, 56}, 30: {"BF16", 1, 2},
	31: {"Q4_0_4_4", 32, 18}, 32: {"Q4_0_4_8", 32, 18}, 33: {"Q4_0_8_8", 32, 18},
	34: {"TQ1_0", 256, 54}, 35: {"TQ2_0", 256, 66},
	39: {"MXFP4", 32, 17}, 40: {"NVFP4", 64, 36}, 41: {"Q1_0", 128, 18}, 42: {"Q2_0", 64, 18},
}

// fileTypes are the values of general.file_type (enum llama_ftype in llama.h), as llama-quantize names them.
var fileTypes = [...]string{
	0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 4: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1",
	10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
	19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M",
	28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 33: "Q4_0_4_4", 34: "Q4_0_4_8", 35: "Q4_0_8_8",
	36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4", 39: "NVFP4", 40: "Q1_0", 41: "Q2_0",
}

// fileTypeGuessed is a flag of llama_ftype: the value was not in the file that was converted.
const fileTypeGuessed = 1024

// poolings are the values of ARCH.pooling_type (enum llama_pooling_type in llama.h).
var poolings = [...]string{"none", "mean", "cls", "last", "rank"}

// embeddingModels are the architectures that llama.cpp has for encoders alone.
var embeddingModels = map[string]bool{
	"bert": true, "modern-bert": true, "neo-bert": true, "nomic-bert": true, "nomic-bert-moe": true, "eurobert": true,
	"jina-bert-v2": true, "jina-bert-v3": true, "t5encoder": true, "gemma-embedding": true, "llama-embed": true,
}

// slidingPeriods are the architectures whose layers see a sliding window only, but for each Nth: what llama.cpp
// (src/models) takes where the file has no ARCH.attention.sliding_window_pattern.
var slidingPeriods = map[string]int{
	"gemma2": 2, "gemma3": 6, "gemma3n": 5, "gemma-embedding": 6, "gpt-oss": 2, "cohere2": 4, "olmo2": 4, "exaone4": 4, "plamo3": 8,
}
