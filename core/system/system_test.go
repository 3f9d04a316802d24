package system_test

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/enginebay/enginebay/core/system"
)

func TestRead(t *testing.T) {
	s := system.Read(t.TempDir())
	if s.OS != runtime.GOOS || s.CPU.Threads < 1 || s.CPU.Cores < 1 || s.CPU.Model == "" {
		t.Errorf("processor of %+v", s)
	}
	for name, amount := range map[string]uint64{"memory": s.Memory.Total, "free memory": s.Memory.Available, "disk": s.Disk.Total,
		"free disk": s.Disk.Available, "own memory": s.Process.RSS} {
		if amount == 0 {
			t.Errorf("no %s in %+v", name, s)
		}
	}
	if s.Memory.Available > s.Memory.Total || s.Process.RSS > s.Memory.Total || s.GPUs == nil {
		t.Errorf("%+v", s)
	}
	if gone := system.Read("/no/such/folder"); gone.Disk.Total != 0 {
		t.Errorf("the disk of no folder: %+v", gone.Disk)
	}
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestMemoryOfControlGroups(t *testing.T) {
	total, available := system.NewMachine(fstest.MapFS{}, time.Second).Memory()
	const limit = 64 << 20 // less than any machine has
	for _, test := range []struct {
		name  string
		files fstest.MapFS
		total uint64
		avail uint64
	}{
		{"version 2", fstest.MapFS{
			"proc/self/cgroup":                 file("0::/user/me\n"),
			"sys/fs/cgroup/user/me/memory.max": file("67108864\n"), "sys/fs/cgroup/user/me/memory.current": file("20971520\n"),
			"sys/fs/cgroup/user/me/memory.stat": file("anon 1\ninactive_file 10485760\n"),
		}, limit, limit - 10<<20},
		{"the group above it", fstest.MapFS{
			"proc/self/cgroup":              file("0::/user/me\n"),
			"sys/fs/cgroup/user/memory.max": file("67108864\n"), "sys/fs/cgroup/user/memory.current": file("0\n"),
			"sys/fs/cgroup/user/me/memory.max": file("max\n"),
		}, limit, limit},
		{"a container that sees another path", fstest.MapFS{
			"proc/self/cgroup":         file("0::/docker/abc\n"),
			"sys/fs/cgroup/memory.max": file("67108864\n"), "sys/fs/cgroup/memory.current": file("67108864\n"),
		}, limit, 0},
		{"version 1", fstest.MapFS{
			"proc/self/cgroup": file("5:cpu:/x\n4:memory:/job\n0::/\n"),
			"sys/fs/cgroup/memory/job/memory.limit_in_bytes": file("67108864\n"), "sys/fs/cgroup/memory/job/memory.usage_in_bytes": file("30000000\n"),
			"sys/fs/cgroup/memory/job/memory.stat":       file("inactive_file 1\ntotal_inactive_file 30000000\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n"),
		}, limit, limit},
	} {
		t.Run(test.name, func(t *testing.T) {
			total, available := system.NewMachine(test.files, time.Second).Memory()
			if total != test.total || available != test.avail {
				t.Errorf("%d of %d, want %d of %d", available, total, test.avail, test.total)
			}
		})
	}
	if again, _ := system.NewMachine(fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("max\n")}, time.Second).Memory(); again != total || available == 0 {
		t.Errorf("without a limit %d, and %d without groups", again, total)
	}
}

func TestCards(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no nvidia-smi
	gpus, note := system.NewMachine(fstest.MapFS{
		"sys/class/drm/card0/device/vendor":              file("0x1234\n"), // the screen of a virtual machine
		"sys/class/drm/card1/device/vendor":              file("0x1002\n"),
		"sys/class/drm/card1/device/product_name":        file("Radeon RX 7900\n"),
		"sys/class/drm/card1/device/mem_info_vram_total": file("1000\n"),
		"sys/class/drm/card1/device/mem_info_vram_used":  file("400\n"),
		"sys/class/drm/card1-HDMI-A-1/device/vendor":     file("0x1002\n"),
		"sys/class/drm/card2/device/vendor":              file("0x8086\n"),
		"sys/class/drm/card2/device/device":              file("0x56a0\n"),
		"proc/driver/nvidia/gpus/0000:01/information":    file("Model: \t\t NVIDIA H200\nIRQ: 1\n"),
	}, time.Second).GPUs()
	want := []system.GPU{{Name: "NVIDIA H200", Vendor: "nvidia"}, {Name: "Radeon RX 7900", Vendor: "amd", Memory: system.Amounts{Total: 1000, Available: 600}},
		{Name: "intel 0x56a0", Vendor: "intel"}}
	if !reflect.DeepEqual(gpus, want) || !strings.Contains(note, "nvidia-smi is not on the PATH") {
		t.Errorf("%+v, note %q", gpus, note)
	}
}
