package system_test

import (
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/klauspost/cpuid/v2"

	"github.com/enginebay/enginebay/core/system"
)

const nvrm = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (builder@host)  Thu Jan 23\nGCC version:  gcc version 12.2.0\n"

func TestAccelerators(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the files are those of Linux")
	}
	t.Setenv("PATH", t.TempDir()) // no nvidia-smi
	loader := fstest.MapFS{"usr/lib/x86_64-linux-gnu/libvulkan.so.1": file("")}
	nvidia := fstest.MapFS{"proc/driver/nvidia/gpus/0000:01/information": file("Model: NVIDIA H200\n"), "proc/driver/nvidia/version": file(nvrm)}
	amd := fstest.MapFS{"sys/class/drm/card0/device/vendor": file("0x1002\n")}
	mesa := fstest.MapFS{
		"usr/share/vulkan/icd.d/radeon_icd.x86_64.json": file(`{"ICD": {"api_version": "1.3.289", "library_path": "x"}}`),
		"usr/share/vulkan/icd.d/intel_icd.x86_64.json":  file(`{"ICD": {"api_version": "1.4.2"}}`),
		"usr/share/vulkan/icd.d/lvp_icd.x86_64.json":    file(`{"ICD": {"api_version": "1.4.9"}}`),
	}
	for name, test := range map[string]struct {
		files []fstest.MapFS
		want  map[string]string
	}{
		"none":                        {[]fstest.MapFS{loader, mesa}, map[string]string{}},
		"nvidia, and no loader":       {[]fstest.MapFS{nvidia}, map[string]string{"cuda": "570.86.15"}},
		"nvidia, its Vulkan missing":  {[]fstest.MapFS{nvidia, loader, mesa}, map[string]string{"cuda": "570.86.15"}},
		"amd without its own driver":  {[]fstest.MapFS{amd, loader, mesa}, map[string]string{"vulkan": "1.3.289"}},
		"amd with ROCm":               {[]fstest.MapFS{amd, {"dev/kfd": file(""), "opt/rocm/.info/version": file("6.2.4-120\n")}}, map[string]string{"rocm": "6.2.4-120"}},
		"amd with the kernel's alone": {[]fstest.MapFS{amd, {"dev/kfd": file("")}}, map[string]string{"rocm": ""}},
		"nvidia with Vulkan": {[]fstest.MapFS{nvidia, loader, {"etc/vulkan/icd.d/nvidia_icd.json": file(`{"ICD": {"api_version": "1.3.277"}}`),
			"usr/share/vulkan/icd.d/nouveau_icd.json": file("no JSON")}}, map[string]string{"cuda": "570.86.15", "vulkan": "1.3.277"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{}
			for _, some := range test.files {
				for name, f := range some {
					files[name] = f
				}
			}
			if got := system.NewMachine(files, time.Second).Accelerators(); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestInstructions(t *testing.T) {
	for name, text := range map[string]string{
		"x86": "processor : 0\nflags\t\t: sse2 avx2 avx\nprocessor : 1\nflags : sse2\n",
		"arm": "processor : 0\nFeatures\t: sse2 avx2 avx\n",
	} {
		got := system.NewMachine(fstest.MapFS{"proc/cpuinfo": file(text)}, time.Second).Instructions()
		if !slices.Equal(got, []string{"avx", "avx2", "sse2"}) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestInstructionsHaveLinuxNames compares what the processor says itself with what
// Linux calls it: the names for the other systems are the same.
func TestInstructionsHaveLinuxNames(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("only Linux has names of its own")
	}
	linux := system.Instructions()
	itself := system.NewMachine(fstest.MapFS{}, time.Second).Instructions()
	if len(itself) == 0 {
		t.Fatalf("the processor (%s) tells of nothing", cpuid.CPU.BrandName)
	}
	for _, name := range itself {
		if !slices.Contains(linux, name) {
			t.Errorf("Linux has no %s among %v", name, linux)
		}
	}
}

func TestGlibc(t *testing.T) {
	out, err := exec.Command("getconf", "GNU_LIBC_VERSION").Output()
	if err != nil {
		if got := system.Glibc(); got != "" && runtime.GOOS != "linux" {
			t.Errorf("%q, on a system without one", got)
		}
		t.Skip("this machine has no getconf to compare with")
	}
	if want := strings.TrimPrefix(strings.TrimSpace(string(out)), "glibc "); system.Glibc() != want {
		t.Errorf("%q, getconf says %q", system.Glibc(), want)
	}
}

func TestGlibcThatIsNone(t *testing.T) {
	self, err := os.ReadFile(os.Args[0]) // a program, which defines no versions
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"nothing": "", "text": "/* GNU ld script */", "a program": string(self)} {
		files := fstest.MapFS{"lib64/libc.so.6": file(text)}
		if got := system.NewMachine(files, time.Second).Glibc(); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}
