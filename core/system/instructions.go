package system

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// Instructions are the extensions that the processor has and the kernel lets
// programs use, by the names that Linux has for them in /proc/cpuinfo: "avx2",
// "asimd".
func Instructions() []string { return here.Instructions() }

// Instructions is [Instructions] of a machine.
func (m *machine) Instructions() []string {
	text, err := fs.ReadFile(m.root, "proc/cpuinfo")
	if err != nil {
		return asked()
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); name == "flags" || name == "Features" { // x86, ARM
			all := strings.Fields(value)
			slices.Sort(all)
			return all
		}
	}
	return nil
}

// asked are those that the processor itself tells of, for systems without a
// /proc/cpuinfo: the ones that engines are built for.
func asked() []string {
	var all []string
	for id, name := range linuxNames {
		if cpuid.CPU.Has(id) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// linuxNames are what Linux calls the extensions (arch/x86/include/asm/cpufeatures.h,
// arch/arm64/kernel/cpuinfo.c).
var linuxNames = map[cpuid.FeatureID]string{
	cpuid.SSE: "sse", cpuid.SSE2: "sse2", cpuid.SSE3: "pni", cpuid.SSSE3: "ssse3", cpuid.SSE4: "sse4_1", cpuid.SSE42: "sse4_2", cpuid.SSE4A: "sse4a",
	cpuid.AVX: "avx", cpuid.AVX2: "avx2", cpuid.FMA3: "fma", cpuid.FMA4: "fma4", cpuid.F16C: "f16c", cpuid.BMI1: "bmi1", cpuid.BMI2: "bmi2",
	cpuid.AVX512F: "avx512f", cpuid.AVX512BW: "avx512bw", cpuid.AVX512CD: "avx512cd", cpuid.AVX512DQ: "avx512dq", cpuid.AVX512VL: "avx512vl",
	cpuid.AVX512IFMA: "avx512ifma", cpuid.AVX512VBMI: "avx512vbmi", cpuid.AVX512VBMI2: "avx512_vbmi2", cpuid.AVX512VNNI: "avx512_vnni",
	cpuid.AVX512BITALG: "avx512_bitalg", cpuid.AVX512VPOPCNTDQ: "avx512_vpopcntdq", cpuid.AVX512BF16: "avx512_bf16", cpuid.AVX512FP16: "avx512_fp16",
	cpuid.AVXVNNI: "avx_vnni", cpuid.GFNI: "gfni", cpuid.VAES: "vaes", cpuid.AESNI: "aes",
	cpuid.AMXTILE: "amx_tile", cpuid.AMXINT8: "amx_int8", cpuid.AMXBF16: "amx_bf16",
	cpuid.ASIMD: "asimd", cpuid.ASIMDDP: "asimddp", cpuid.ASIMDHP: "asimdhp", cpuid.SVE: "sve", cpuid.SVE2: "sve2", cpuid.BF16: "bf16", cpuid.I8MM: "i8mm",
}
