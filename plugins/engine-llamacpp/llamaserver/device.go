package llamaserver

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Device is a GPU as llama-server names it.
type Device struct {
	Name        string // "CUDA0", "Vulkan1", "Metal"
	Description string // "NVIDIA H200"
	Total, Free uint64 // bytes of its memory
}

// Backend is what computes on the device: the name without its number.
func (d Device) Backend() string {
	if name := strings.TrimRight(d.Name, "0123456789"); name != "MTL" {
		return name
	}
	return "Metal"
}

// Software says whether the device is the processor in the guise of a GPU, as Mesa's
// Vulkan driver for machines without one is.
func (d Device) Software() bool {
	return strings.Contains(d.Description, "llvmpipe") || strings.Contains(d.Description, "SwiftShader")
}

var (
	// listed is "  CUDA0: NVIDIA H200 (143771 MiB, 143000 MiB free)".
	listed = regexp.MustCompile(`^\s+(\S+): (.*) \((\d+) MiB, (\d+) MiB free\)\s*$`)
	// loaded is "load_backend: loaded CUDA backend from /usr/lib/libggml-cuda.so".
	loaded = regexp.MustCompile(`load_backend: loaded (\S+) backend from `)
)

// A Hardware is what a llama-server can compute on.
type Hardware struct {
	Backends []string // "CPU", "CUDA", "Vulkan", in order; without those that the program does not tell of
	Devices  []Device // what the backends see in its environment
}

// Has says whether there is a backend, whatever it sees.
func (h Hardware) Has(backend string) bool {
	return slices.ContainsFunc(h.Backends, func(name string) bool { return strings.EqualFold(name, backend) })
}

// Hardware asks for the backends and their devices. It takes as long as the drivers of
// the GPUs do.
func (p Program) Hardware(ctx context.Context) (Hardware, error) {
	// At verbosity 4 it names the backends that it loads (b11669; older builds always do).
	lines, err := p.run(ctx, "-lv", "4", "--list-devices")
	if err != nil {
		return Hardware{}, err
	}
	var h Hardware
	add := func(backend string) {
		if !h.Has(backend) {
			h.Backends = append(h.Backends, backend)
		}
	}
	for _, line := range lines {
		if m := loaded.FindStringSubmatch(line); m != nil {
			add(m[1])
		}
		if m := listed.FindStringSubmatch(line); m != nil {
			d := Device{Name: m[1], Description: m[2], Total: mebibytes(m[3]), Free: mebibytes(m[4])}
			h.Devices = append(h.Devices, d)
			add(d.Backend()) // a program in one piece loads none
		}
	}
	slices.Sort(h.Backends)
	return h, nil
}

func mebibytes(digits string) uint64 {
	n, err := strconv.ParseUint(digits, 10, 43)
	if err != nil {
		return 0
	}
	return n << 20
}
