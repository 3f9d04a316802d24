package core

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/sdk"
)

// deviceCPU is the device of a deployment that uses no GPU.
const deviceCPU = "cpu"

// The variables that say which GPUs a process sees.
const (
	envCUDA   = "CUDA_VISIBLE_DEVICES"
	envHIP    = "HIP_VISIBLE_DEVICES"
	envROCr   = "ROCR_VISIBLE_DEVICES" // of what HIP stands on: HIP counts the GPUs that it leaves
	envVulkan = "GGML_VK_VISIBLE_DEVICES"
)

// deviceEnv are the variables of a deployment's devices:
//
//	"0", "1"       the same numbers for CUDA, HIP and Vulkan
//	"cuda:1"       CUDA alone; so "rocm:0", "vulkan:0"
//	"GPU-8932f…"   NVIDIA's, and "MIG-…"; one without a further dash is AMD's
//	"cpu"          none
//
// A kind of GPU that is not named is hidden: -1 is no device for CUDA and HIP, and an
// empty list for Vulkan.
func deviceEnv(devices []string) (map[string]string, error) {
	if len(devices) == 0 {
		return nil, nil
	}
	if slices.Contains(devices, deviceCPU) && len(devices) > 1 {
		return nil, sdk.Errorf(sdk.CodeInvalid, `"devices": "cpu" stands alone, or is left out`)
	}
	named := map[string][]string{}
	for _, device := range devices {
		for _, variable := range variablesOf(device) {
			named[variable] = append(named[variable], device[strings.LastIndex(device, ":")+1:])
		}
	}
	env := map[string]string{envCUDA: "-1", envHIP: "-1", envVulkan: ""}
	switch n := len(named[envROCr]); {
	case len(named) == 0:
		env[envROCr] = "-1"
	case n > 0 && len(named[envHIP]) > 0:
		return nil, sdk.Errorf(sdk.CodeInvalid, `"devices": name AMD's GPUs all by numbers ("rocm:0"), or all by identifiers`)
	case n > 0: // HIP counts what ROCr leaves
		for i := range n {
			named[envHIP] = append(named[envHIP], strconv.Itoa(i))
		}
	}
	for variable, ids := range named {
		env[variable] = strings.Join(ids, ",")
	}
	return env, nil
}

// variablesOf are the variables that a device stands in.
func variablesOf(device string) []string {
	kind, _, ok := strings.Cut(device, ":")
	switch {
	case device == deviceCPU:
		return nil
	case ok:
		return map[string][]string{"cuda": {envCUDA}, "rocm": {envHIP}, "vulkan": {envVulkan}}[kind]
	case strings.HasPrefix(device, "GPU-") && strings.Count(device, "-") == 1:
		return []string{envROCr}
	case strings.Contains(device, "-"):
		return []string{envCUDA}
	}
	return []string{envCUDA, envHIP, envVulkan}
}

// withDevices is the environment of a deployment's processes: what its file sets goes
// over what its devices say.
func withDevices(devices []string, env map[string]string) (map[string]string, error) {
	all, err := deviceEnv(devices)
	if err != nil || all == nil {
		return env, err
	}
	maps.Copy(all, env)
	return all, nil
}

// MissingDevices says of each of a deployment's devices that is not among the GPUs of
// the machine that it is missing, and what there is. Vulkan's are not looked at: some
// of them are no cards.
func (d Deployment) MissingDevices(gpus []system.GPU) []string {
	var said []string
	for _, device := range d.Devices {
		vendor, number, ok := numbered(device)
		if n := count(gpus, vendor); ok && number >= n {
			said = append(said, fmt.Sprintf("there is no GPU %q: %s", device, present(gpus)))
		}
	}
	return said
}

// numbered is the vendor ("" is any) and number of a device that has one.
func numbered(device string) (vendor string, number int, ok bool) {
	kind, digits, kinded := strings.Cut(device, ":")
	if !kinded {
		kind, digits = "", device
	}
	number, err := strconv.Atoi(digits)
	return map[string]string{"cuda": "nvidia", "rocm": "amd"}[kind], number, err == nil && kind != "vulkan"
}

func count(gpus []system.GPU, vendor string) int {
	n := 0
	for _, gpu := range gpus {
		if vendor == "" || gpu.Vendor == vendor {
			n++
		}
	}
	return n
}

// present names the GPUs that there are, as a deployment would.
func present(gpus []system.GPU) string {
	var names []string
	numbers := map[string]int{}
	for _, gpu := range gpus {
		kind := cmp.Or(map[string]string{"nvidia": "cuda", "amd": "rocm"}[gpu.Vendor], gpu.Vendor)
		names = append(names, fmt.Sprintf("%s:%d is %s", kind, numbers[kind], gpu.Name))
		numbers[kind]++
	}
	if len(names) == 0 {
		return "this machine has none that is known"
	}
	return strings.Join(names, ", ")
}
