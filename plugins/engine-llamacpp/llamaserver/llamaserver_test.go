package llamaserver_test

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/plugins/engine-llamacpp/llamaserver"
	"github.com/enginebay/enginebay/sdk"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/enginebay/enginebay/sdk/process.fork")) // it is there for the life of the program
}

// script is a program that says so.
func script(t *testing.T, dir, text string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("it takes a shell")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "llama-server")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestFind(t *testing.T) {
	onPath, plugin := t.TempDir(), t.TempDir()
	t.Setenv("PATH", onPath)
	if _, err := llamaserver.Find("", plugin); sdk.CodeOf(err) != sdk.CodeUnavailable || !strings.Contains(err.Error(), "make llamacpp") {
		t.Errorf("without one: %v", err)
	}
	if _, err := llamaserver.Find("/nowhere/llama-server", plugin); sdk.CodeOf(err) != sdk.CodeInvalid {
		t.Errorf("a name of nothing: %v", err)
	}
	for _, dir := range []string{onPath, filepath.Join(plugin, "libs", "llamacpp", "bin")} { // the later goes first
		want := script(t, dir, "")
		if got, err := llamaserver.Find("", plugin); got != want || err != nil {
			t.Errorf("found %s, %v; want %s", got, err, want)
		}
	}
	named := script(t, t.TempDir(), "")
	if got, err := llamaserver.Find(named, plugin); got != named || err != nil {
		t.Errorf("found %s, %v; want %s", got, err, named)
	}
}

// TestHardware reads what several builds say.
func TestHardware(t *testing.T) {
	const mib = 1 << 20
	for name, test := range map[string]struct {
		says string
		want llamaserver.Hardware
	}{
		"b11669 without a GPU": {`echo '0.00.386.774 I load_backend: loaded CPU backend from /usr/lib/libggml-cpu-zen4.so' >&2
			echo 'Available devices:'; echo '  (none)'`, llamaserver.Hardware{Backends: []string{"CPU"}}},
		"b11669 with Vulkan": {`echo '0.00.019.557 I load_backend: loaded Vulkan backend from /x/libggml-vulkan.so' >&2
			echo '0.00.031.180 I load_backend: loaded CPU backend from /x/libggml-cpu-haswell.so' >&2
			echo 'Available devices:'; echo '  Vulkan0: llvmpipe (LLVM 22.1.8, 256 bits) (24151 MiB, 23421 MiB free)'`,
			llamaserver.Hardware{Backends: []string{"CPU", "Vulkan"},
				Devices: []llamaserver.Device{{Name: "Vulkan0", Description: "llvmpipe (LLVM 22.1.8, 256 bits)", Total: 24151 * mib, Free: 23421 * mib}}}},
		"CUDA in one piece": {`echo 'ggml_cuda_init: found 2 CUDA devices:' >&2; echo 'Available devices:'
			echo '  CUDA0: NVIDIA H200 (143771 MiB, 143000 MiB free)'; echo '  CUDA1: NVIDIA H200 (143771 MiB, 10 MiB free)'`,
			llamaserver.Hardware{Backends: []string{"CUDA"}, Devices: []llamaserver.Device{
				{Name: "CUDA0", Description: "NVIDIA H200", Total: 143771 * mib, Free: 143000 * mib},
				{Name: "CUDA1", Description: "NVIDIA H200", Total: 143771 * mib, Free: 10 * mib}}}},
		"Metal": {`echo 'Available devices:'; echo '  MTL0: Apple M4 Max (98304 MiB, 98303 MiB free)'; echo '  BLAS: Accelerate (0 MiB, 0 MiB free)'`,
			llamaserver.Hardware{Backends: []string{"BLAS", "Metal"}, Devices: []llamaserver.Device{
				{Name: "MTL0", Description: "Apple M4 Max", Total: 98304 * mib, Free: 98303 * mib}, {Name: "BLAS", Description: "Accelerate"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := llamaserver.Program{Path: script(t, t.TempDir(), `test "$*" = "-lv 4 --list-devices" || exit 1; `+test.says)}
			if got, err := p.Hardware(t.Context()); err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
}

func TestDevice(t *testing.T) {
	for name, want := range map[string]string{"CUDA0": "CUDA", "Vulkan12": "Vulkan", "ROCm1": "ROCm", "MTL0": "Metal", "Metal": "Metal", "SYCL0": "SYCL"} {
		if got := (llamaserver.Device{Name: name}).Backend(); got != want {
			t.Errorf("%s is of %s, want %s", name, got, want)
		}
	}
	if !(llamaserver.Device{Description: "llvmpipe (LLVM 22.1.8, 256 bits)"}).Software() || (llamaserver.Device{Description: "NVIDIA H200"}).Software() {
		t.Error("llvmpipe alone is software")
	}
}

func TestProgram(t *testing.T) {
	says := script(t, t.TempDir(), `case $1 in --help) echo '-lm,   --load-mode MODE   model loading mode'; echo '-ngl,  --gpu-layers, --n-gpu-layers N  layers';;
		--version) echo 'Device 0: NVIDIA'; echo "version: 7 ($WHO)" >&2;; esac`)
	p := llamaserver.Program{Path: says, Env: []string{"WHO=me"}}
	help, err := p.Help(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for argument, want := range map[string]bool{"--load-mode": true, "-lm": true, "--n-gpu-layers": true, "--load": false, "--mlock": false, "-ng": false} {
		if help.Takes(argument) != want {
			t.Errorf("takes %s: %v, want %v", argument, !want, want)
		}
	}
	if version, err := p.Version(t.Context()); err != nil || version != "version: 7 (me)" {
		t.Errorf("version %q, %v", version, err)
	}
	p.Path = script(t, t.TempDir(), "echo 'no such library' >&2; exit 3")
	if _, err := p.Version(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 3: no such library") {
		t.Errorf("of a broken one: %v", err)
	}
}
