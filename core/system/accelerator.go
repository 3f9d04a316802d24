package system

import (
	"cmp"
	"encoding/json"
	"io/fs"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Accelerators are the ways to compute on this machine's GPUs, "cuda", "rocm",
// "vulkan" and "metal", each with the version of what drives it; empty where that is
// not known:
//
//	cuda     NVIDIA's driver: "550.54.14"
//	rocm     AMD's ROCm where it is installed: "6.2.4"
//	vulkan   the Vulkan that the card's driver speaks: "1.3.289"
//	metal    macOS: "15.1"
//
// A way for which the machine has a card and no driver is not among them.
func Accelerators() map[string]string { return here.Accelerators() }

// Accelerators is [Accelerators] of a machine.
func (m *machine) Accelerators() map[string]string {
	found := map[string]string{}
	gpus, _ := m.GPUs()
	for _, gpu := range gpus {
		switch gpu.Vendor {
		case "nvidia":
			found["cuda"] = cmp.Or(found["cuda"], gpu.Driver)
		case "amd":
			if _, err := fs.Stat(m.root, "dev/kfd"); err == nil {
				found["rocm"] = m.text("opt/rocm/.info", "version")
			}
		}
	}
	if version, ok := m.vulkan(gpus); ok {
		found["vulkan"] = version
	}
	if runtime.GOOS == "darwin" && runtime.GOARCH == "arm64" { // each of these has one
		found["metal"] = release()
	}
	return found
}

var kernelModule = regexp.MustCompile(`Kernel Module[^\n]*?\s([0-9]+\.[0-9.]+)\s`)

// nvidiaDriver is the version of NVIDIA's driver by what its kernel module says.
func (m *machine) nvidiaDriver() string {
	if found := kernelModule.FindStringSubmatch(m.text("proc/driver/nvidia", "version") + "\n"); found != nil {
		return found[1]
	}
	return ""
}

// The loader of Vulkan, and the files in which drivers tell it of themselves.
var (
	vulkanLoaders = []string{"usr/lib/*/libvulkan.so.1", "usr/lib64/libvulkan.so.1", "usr/lib/libvulkan.so.1", "lib/*/libvulkan.so.1", "usr/local/lib/libvulkan.so.1",
		"usr/local/lib/*/libvulkan.so.1", "Windows/System32/vulkan-1.dll"}
	vulkanDrivers = []string{"usr/share/vulkan/icd.d/*.json", "etc/vulkan/icd.d/*.json", "usr/local/share/vulkan/icd.d/*.json", "usr/local/etc/vulkan/icd.d/*.json"}
)

// vulkanNames are what the drivers for a vendor's cards are called. Mesa installs those
// of all vendors together, and one that computes on the processor, which is none.
var vulkanNames = map[string][]string{"nvidia": {"nvidia", "nouveau"}, "amd": {"radeon", "amd"}, "intel": {"intel"}}

// vulkan is the newest version of Vulkan that a driver for one of the cards speaks.
func (m *machine) vulkan(gpus []GPU) (version string, ok bool) {
	if len(gpus) == 0 || len(m.glob(vulkanLoaders)) == 0 {
		return "", false
	}
	if runtime.GOOS == "windows" { // its drivers stand in the registry, and each brings Vulkan along
		return "", true
	}
	for _, file := range m.glob(vulkanDrivers) {
		name := strings.ToLower(path.Base(file))
		drives := func(gpu GPU) bool {
			return slices.ContainsFunc(vulkanNames[gpu.Vendor], func(part string) bool { return strings.Contains(name, part) })
		}
		if !slices.ContainsFunc(gpus, drives) {
			continue
		}
		ok = true
		if speaks := m.vulkanVersion(file); newer(speaks, version) {
			version = speaks
		}
	}
	return version, ok
}

// vulkanVersion is what a driver's file says that it speaks.
func (m *machine) vulkanVersion(file string) string {
	var driver struct {
		ICD struct {
			Version string `json:"api_version"`
		}
	}
	text, err := fs.ReadFile(m.root, file)
	if err != nil || json.Unmarshal(text, &driver) != nil {
		return ""
	}
	return driver.ICD.Version
}

// newer compares versions number by number.
func newer(a, b string) bool {
	numbers := func(text string) (all []int) {
		for part := range strings.SplitSeq(text, ".") {
			n, _ := strconv.Atoi(part) // what is none is 0
			all = append(all, n)
		}
		return all
	}
	return slices.Compare(numbers(a), numbers(b)) > 0
}

func (m *machine) glob(patterns []string) (all []string) {
	for _, pattern := range patterns {
		files, _ := fs.Glob(m.root, pattern)
		all = append(all, files...)
	}
	return all
}
