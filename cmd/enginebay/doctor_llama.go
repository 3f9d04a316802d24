package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/plugins/engine-llamacpp/llamaserver"
)

// llamaServer looks for the program as the plugin does, and asks it, in the
// environment of the deployment, what it is and which GPUs it sees.
func (e *examination) llamaServer(host *pluginhost.Host, d core.Deployment) {
	const advice = `run "make llamacpp", install llama.cpp, or name one as llama_server in engines/llamacpp.json`
	name := "llama-server of " + d.ID
	plugin, _ := host.Plugin(d.Plugin)
	named, _ := d.Settings["llama_server"].(string)
	path, err := llamaserver.Find(named, plugin.Dir)
	if err != nil {
		e.fail(name, advice, "not found: %v", err)
		return
	}
	ctx, cancel := context.WithTimeout(e.cmd.Context(), engineTimeout)
	defer cancel()
	program := llamaserver.Program{Path: path, Env: host.Environment(d.Deployment)}
	version, err := program.Version(ctx)
	if err != nil {
		e.fail(name, advice, "%v", err)
		return
	}
	e.ok(name, "%s, %s", path, version)
	hardware, err := program.Hardware(ctx)
	if err != nil {
		e.warn("gpu of "+d.ID, "see whether the driver of the GPU works", "%v", err)
		return
	}
	e.computesOn(d, hardware)
}

// computesOn says what a deployment's models are computed on, and why a GPU that is
// there is left out.
func (e *examination) computesOn(d core.Deployment, h llamaserver.Hardware) {
	name := "gpu of " + d.ID
	gpus := e.system.GPUs
	for _, missing := range d.MissingDevices(gpus) {
		e.warn(name, "mend \"devices\" in "+d.File, "%s", missing)
	}
	backends := "the backends of its llama-server are " + strings.Join(h.Backends, ", ")
	if len(h.Backends) == 0 {
		backends = "its llama-server does not tell of backends"
	}
	for _, device := range unseen(d, h) {
		e.warn(name, "mend \"devices\" in the settings of "+d.File, "its llama-server has no device %q: %s", device, firstOf(seen(h.Devices), "it sees no GPU"))
	}
	switch {
	case onCPU(d):
		e.ok(name, "computes on the CPU, as its file says; %s", backends)
	case len(h.Devices) > 0:
		e.ok(name, "%s; %s", seen(h.Devices), backends)
	case len(d.Devices) > 0 || len(gpus) > 0:
		e.warn(name, without(h, gpus), "computes on the CPU, for its llama-server sees no GPU; %s", backends)
	default:
		e.ok(name, "computes on the CPU; %s", backends)
	}
}

// unseen are the devices of a deployment's settings that its llama-server does not see.
func unseen(d core.Deployment, h llamaserver.Hardware) []string {
	var names []string
	listed, _ := d.Settings["devices"].([]any)
	for _, item := range listed {
		name, _ := item.(string)
		if name != "none" && !slices.ContainsFunc(h.Devices, func(device llamaserver.Device) bool { return device.Name == name }) {
			names = append(names, name)
		}
	}
	return names
}

// onCPU says whether a deployment wants no GPU.
func onCPU(d core.Deployment) bool {
	ngl, said := d.Settings["ngl"]
	return len(d.Devices) == 1 && d.Devices[0] == "cpu" || said && fmt.Sprint(ngl) == "0"
}

func seen(devices []llamaserver.Device) string {
	all := make([]string, len(devices))
	for i, device := range devices {
		kind := ""
		if device.Software() {
			kind = ", the processor in the guise of a GPU"
		}
		all[i] = fmt.Sprintf("%s is %s, %s memory (%s free)%s", device.Name, device.Description, amount(device.Total), amount(device.Free), kind)
	}
	return strings.Join(all, "; ")
}

// backends are those that compute on GPUs of a vendor, the best first.
var backends = map[string][]string{"nvidia": {"CUDA", "Vulkan"}, "amd": {"ROCm", "HIP", "Vulkan"}, "intel": {"SYCL", "Vulkan"}, "apple": {"Metal", "MTL"}}

// without is what to do where GPUs are left out.
func without(h llamaserver.Hardware, gpus []system.GPU) string {
	const build = `"make llamacpp VULKAN=1" fetches a llama-server with the Vulkan backend on Debian; a release of llama.cpp for %s, named as llama_server, has that one`
	for _, gpu := range gpus {
		able := backends[gpu.Vendor]
		has := false
		for _, backend := range able {
			has = has || h.Has(backend)
		}
		switch {
		case len(able) == 0:
		case has:
			return fmt.Sprintf("the backend for %s is there and does not see it: see whether its driver works for this user, and which \"devices\" or VISIBLE_DEVICES are set", gpu.Name)
		default:
			return fmt.Sprintf("nothing in it computes on %s: "+build, gpu.Name, able[0])
		}
	}
	if h.Has("Vulkan") {
		return `see whether the GPU's Vulkan driver is installed, or take "devices" out of the file`
	}
	if runtime.GOOS == "darwin" {
		return "brew install llama.cpp has the Metal backend"
	}
	return fmt.Sprintf(build, "your GPU")
}
