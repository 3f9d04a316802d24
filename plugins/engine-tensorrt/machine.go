package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// What TensorRT-LLM needs of a machine, by its documentation (supported hardware,
// July 2026): Linux, a GPU of compute capability 8.0 (Ampere) or newer, and a driver
// of 535 or newer; that of a container's CUDA may have to be newer still, which the
// program itself says.
const (
	leastCapability = 8.0
	leastDriver     = 535
)

// needs is the compute capability that a number type asks for.
var needs = []struct {
	word       string
	capability float64
	gpus       string
}{
	{"nvfp4", 10.0, "Blackwell"}, {"mxfp4", 9.0, "Hopper"}, {"fp8", 8.9, "Ada or Hopper"},
}

// gpu is one as nvidia-smi tells of it.
type gpu struct {
	name       string
	memory     uint64 // bytes
	capability float64
	driver     int // its major version
}

// gpus asks nvidia-smi. The error is a sentence for the user.
func gpus(ctx context.Context) ([]gpu, error) {
	program, err := exec.LookPath("nvidia-smi")
	if err != nil {
		return nil, noDriver()
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "--query-gpu=name,memory.total,compute_cap,driver_version", "--format=csv,noheader,nounits").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("nvidia-smi finds no GPU that works: %s", short(string(out)+" "+err.Error()))
	}
	var all []gpu
	for line := range strings.Lines(string(out)) {
		if words := strings.Split(strings.TrimSpace(line), ", "); len(words) == 4 {
			all = append(all, describeGPU(words))
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no NVIDIA GPU on this machine: nvidia-smi says %q", short(string(out)))
	}
	return all, nil
}

func describeGPU(words []string) gpu {
	mib, _ := strconv.ParseUint(words[1], 10, 64) // "[N/A]" where memory is shared
	capability, _ := strconv.ParseFloat(words[2], 64)
	major, _, _ := strings.Cut(words[3], ".")
	driver, _ := strconv.Atoi(major)
	return gpu{words[0], mib << 20, capability, driver}
}

// nvidiaDevice is there where the kernel has a driver.
var nvidiaDevice = "/proc/driver/nvidia/version"

func noDriver() error {
	if _, err := os.Stat(nvidiaDevice); err == nil {
		return fmt.Errorf("the program nvidia-smi is missing, though there is an NVIDIA driver; install the driver's utilities")
	}
	return fmt.Errorf("there is no NVIDIA GPU on this machine, or its driver is not installed (no nvidia-smi); name a server elsewhere as base_url in the engine's file")
}

// unfit says, one sentence each, why this machine cannot run a model.
func unfit(ctx context.Context, s settings, c checkpoint) []string {
	if runtime.GOOS != "linux" {
		return []string{"TensorRT-LLM runs on Linux alone; name a server elsewhere as base_url in the engine's file"}
	}
	var reasons []string
	if _, err := find(s.TRTLLMServe); err != nil {
		reasons = append(reasons, err.Error())
	}
	all, err := gpus(ctx)
	if err != nil {
		return append(reasons, err.Error())
	}
	if n := s.TPSize * s.PPSize; n > len(all) {
		reasons = append(reasons, fmt.Sprintf("tp_size %d and pp_size %d need %d GPUs, and this machine has %d", s.TPSize, s.PPSize, n, len(all)))
	}
	return append(reasons, all[0].unfit(s, c)...)
}

func (g gpu) unfit(s settings, c checkpoint) []string {
	var reasons []string
	if g.driver > 0 && g.driver < leastDriver {
		reasons = append(reasons, fmt.Sprintf("the NVIDIA driver %d is too old for TensorRT-LLM, which needs %d or newer; install a newer one", g.driver, leastDriver))
	}
	if g.capability > 0 && g.capability < leastCapability {
		reasons = append(reasons, fmt.Sprintf("the GPU %s has the compute capability %.1f, and TensorRT-LLM needs %.1f (Ampere) or newer", g.name, g.capability, leastCapability))
	}
	for _, need := range needs {
		if strings.Contains(c.quantized, need.word) && g.capability > 0 && g.capability < need.capability {
			reasons = append(reasons, fmt.Sprintf("the weights are %s, which needs a GPU of the compute capability %.1f (%s) or newer, and the %s has %.1f; take a checkpoint of other numbers",
				c.quantized, need.capability, need.gpus, g.name, g.capability))
			break
		}
	}
	return reasons
}
