package main

import (
	"strings"
	"testing"
)

// TestBuffers reads what several builds of llama-server say as they load.
func TestBuffers(t *testing.T) {
	for name, test := range map[string]struct {
		log  string
		want string
	}{
		"b11669 on the CPU": {`
0.00.026.159 I load_tensors:          AMX model buffer size =     0.85 MiB
0.00.026.184 I load_tensors:   CPU_Mapped model buffer size =     0.03 MiB
0.00.026.185 I load_tensors:   CPU_Mapped model buffer size =     0.03 MiB
0.00.026.186 I load_tensors:   CPU_Mapped model buffer size =     0.00 MiB
0.00.027.323 I llama_context:        CPU  output buffer size =     0.00 MiB
0.00.027.380 I llama_kv_cache:        CPU KV buffer size =     4.00 MiB
0.00.030.010 I llama_kv_cache: size =    4.00 MiB (  2048 cells,   4 layers,  4/1 seqs), K (f16):    2.00 MiB, V (f16):    2.00 MiB
0.00.031.967 I sched_reserve:        CPU compute buffer size =     5.14 MiB`, "CPU 10.5 MB"},
		"b11669 on two Vulkan devices": {`
0.00.121.077 I load_tensors: offloaded 5/5 layers to GPU
0.00.121.084 I load_tensors:   CPU_Mapped model buffer size =     0.03 MiB
0.00.121.091 I load_tensors:      Vulkan0 model buffer size =     0.58 MiB
0.00.121.097 I load_tensors:      Vulkan1 model buffer size =     0.23 MiB
0.00.124.699 I llama_context: Vulkan_Host  output buffer size =     0.00 MiB
0.00.124.760 I llama_kv_cache:    Vulkan0 KV buffer size =     0.75 MiB
0.00.125.436 I llama_kv_cache:    Vulkan1 KV buffer size =     0.25 MiB
0.00.133.205 I sched_reserve:    Vulkan0 compute buffer size =     7.68 MiB
0.00.133.246 I sched_reserve:    Vulkan1 compute buffer size =     4.04 MiB
0.00.133.257 I sched_reserve: Vulkan_Host compute buffer size =     4.57 MiB
0.00.133.300 I sched_reserve:    Vulkan0 compute buffer size =     8.68 MiB`, "Vulkan0 10.4 MB, Vulkan1 4.7 MB, CPU 4.8 MB"},
		"b11669, split_mode tensor": {`
0.00.071.668 I load_tensors:   CPU_Mapped model buffer size =     0.03 MiB
0.00.071.683 I load_tensors:       Meta() model buffer size =     0.40 MiB
0.00.073.855 I llama_kv_cache:     Meta() KV buffer size =     0.50 MiB`, "GPUs 943.7 kB, CPU 31.4 kB"},
		"spring of 2024, CUDA": {`
llm_load_tensors:        CPU buffer size =  1640.62 MiB
llm_load_tensors:      CUDA0 buffer size =  5434.38 MiB
llm_load_tensors:      CUDA1 buffer size = 13989.53 MiB
llama_kv_cache_init:      CUDA0 KV buffer size =  1536.00 MiB
llama_kv_cache_init:      CUDA1 KV buffer size =  3584.00 MiB
llama_new_context_with_model: KV self size  = 5120.00 MiB, K (f16): 2560.00 MiB, V (f16): 2560.00 MiB
llama_new_context_with_model:  CUDA_Host  output buffer size =     1.95 MiB
llama_new_context_with_model:      CUDA0 compute buffer size =   672.01 MiB
llama_new_context_with_model:      CUDA1 compute buffer size =   672.02 MiB
llama_new_context_with_model:  CUDA_Host compute buffer size =    72.02 MiB`, "CUDA0 8 GB, CUDA1 19.1 GB, CPU 1.7 GB"},
		"2025, Metal, a projector and a recurrent state": {`
load_tensors:   CPU_Mapped model buffer size =   100.00 MiB
load_tensors: Metal_Mapped model buffer size =  4000.00 MiB
llama_kv_cache_unified:      Metal KV buffer size =   512.00 MiB
llama_memory_recurrent:      Metal RS buffer size =    64.00 MiB
llama_context:      Metal compute buffer size =   300.00 MiB
llama_context:        CPU compute buffer size =    16.00 MiB
alloc_compute_meta:      Metal compute buffer size =   100.00 MiB`, "Metal 5.2 GB, CPU 121.6 MB"},
		"nothing":        {"main: model loaded", ""},
		"after the load": {"srv  llama_server: model loaded\nsched_reserve:        CPU compute buffer size =     5.14 MiB", ""},
		"no number":      {"load_tensors: CPU model buffer size = 1.2.3 MiB", ""},
		"beyond sense":   {"load_tensors: CPU model buffer size = 99999999999999999999999999 MiB", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBuffers()
			for line := range strings.Lines(test.log) {
				b.line(strings.TrimSuffix(line, "\n"))
			}
			if got := b.taken().String(); got != test.want {
				t.Errorf("took %q, want %q", got, test.want)
			}
		})
	}
}
