package gguf

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// maxParts bounds a split model; the largest seen has about 60 parts.
const maxParts = 1024

// quantizations are the names in use, in the spelling that they are given back in. Beside llama-quantize's there are
// those of ik_llama.cpp (IQ4_K, IQ4_KS), and the mixtures that publishers have named themselves (Q6_K_L, Q8_K_XL).
var quantizations = spellings(
	"F16 BF16 F32 MXFP4 NVFP4 Q1_0 Q2_0 Q4_0 Q4_1 Q5_0 Q5_1 Q6_0 Q8_0 Q8_1 Q4_0_4_4 Q4_0_4_8 Q4_0_8_8 TQ1_0 TQ2_0 " +
		"Q2_K Q2_K_S Q2_K_L Q2_K_XL Q3_K Q3_K_S Q3_K_M Q3_K_L Q3_K_XL Q4_K Q4_K_S Q4_K_M Q4_K_L Q4_K_XL " +
		"Q5_K Q5_K_S Q5_K_M Q5_K_L Q5_K_XL Q6_K Q6_K_S Q6_K_M Q6_K_L Q6_K_XL Q8_K_XL " +
		"IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ2_M IQ3_XXS IQ3_XS IQ3_S IQ3_M IQ4_XS IQ4_NL " +
		"IQ2_K IQ2_KS IQ2_KL IQ2_KT IQ3_K IQ3_KS IQ3_KT IQ4_K IQ4_KS IQ4_KSS IQ4_KT IQ5_K IQ5_KS IQ6_K")

func spellings(names string) map[string]string {
	all := map[string]string{"FP16": "F16", "FP32": "F32"}
	for name := range strings.FieldsSeq(names) {
		all[name] = name
	}
	return all
}

// Quantization finds the quantization in a file name, in any spelling: "Q4_K_M" in x.q4-k-m.gguf,
// x-UD-Q4_K_M-00001-of-00003.gguf and "X (Q4 K M).gguf". Only whole words count, and of several the last. In a path the
// file's name goes before its folders'. It is empty where there is none that anybody uses (q8_k_m). A projector has one
// too: see IsMMProj.
func Quantization(fileName string) string {
	all := words(fileName)
	for first := len(all) - 1; first >= 0; first-- {
		for n := min(4, len(all)-first); n > 0; n-- { // the longest have four words: Q4_0_4_4
			if name, ok := quantizations[strings.Join(all[first:first+n], "_")]; ok {
				return name
			}
		}
	}
	return ""
}

// SplitPart takes apart the name of one file of a split model, as llama-gguf-split writes it: "dir/x-00002-of-00003.gguf" is
// "dir/x", 2, 3, true. The first part is 1. A part that cannot be (0, beyond count, of more than 1024) is not ok.
func SplitPart(fileName string) (prefix string, no, count int, ok bool) {
	m := splitName.FindStringSubmatch(fileName)
	if m == nil {
		return "", 0, 0, false
	}
	no, _ = strconv.Atoi(m[2])
	count, _ = strconv.Atoi(m[3])
	if no < 1 || no > count || count > maxParts {
		return "", 0, 0, false
	}
	return m[1], no, count, true
}

// Parts are the names of all files of the split model that fileName is one of, in order; of another name it alone.
func Parts(fileName string) []string {
	prefix, _, count, ok := SplitPart(fileName)
	if !ok {
		return []string{fileName}
	}
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%05d-of-%05d%s", prefix, i+1, count, path.Ext(fileName))
	}
	return names
}

// Subject is what a file's name says of the model itself, without quantization, part and kind: "tiny-1b" for
// Tiny_1B.Q4_K_M-00001-of-00002.gguf and for mmproj-tiny-1b-f16.gguf. Weights and the projector for them share it. It is
// empty where nothing is left. Folders do not count.
func Subject(fileName string) string {
	name := path.Base(strings.ReplaceAll(fileName, `\`, "/"))
	quantization := strings.Split(strings.ToLower(Quantization(name)), "_")
	prefix, _, _, split := SplitPart(name)
	if !split {
		prefix = strings.TrimSuffix(name, path.Ext(name))
	}
	parts := strings.FieldsFunc(strings.ToLower(prefix), func(r rune) bool { return strings.ContainsRune("-_. ", r) })
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool {
		return strings.HasPrefix(part, "mmproj") || part == "model" || slices.Contains(quantization, part)
	}), "-")
}

var splitName = regexp.MustCompile(`(?is)^(.+)-([0-9]{5})-of-([0-9]{5})\.gguf$`)

// IsMMProj tells by the name whether a file is the projector of a vision or audio model: mmproj-model-f16.gguf,
// x.mmproj-Q8_0.gguf. Folders do not count.
func IsMMProj(fileName string) bool {
	for _, word := range words(path.Base(strings.ReplaceAll(fileName, `\`, "/"))) {
		if strings.HasPrefix(word, "MMPROJ") {
			return true
		}
	}
	return false
}

// words are the runs of letters and digits of a name, in upper case.
func words(name string) []string {
	return strings.FieldsFunc(strings.ToUpper(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
