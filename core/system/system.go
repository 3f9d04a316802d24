// Package system tells what machine this is: processor, memory, GPUs and how one
// computes on them, the C library, and the disk of a folder. It only looks (but for [SyncFolder]), and keeps no more than the
// name of the processor and, for two seconds, what the GPUs said.
//
// What cannot be had is left empty: zero bytes are never a measured amount.
package system

import (
	"io/fs"
	"os"
	"runtime"
	"sync"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/process"
)

// A System is what a machine is, and what is free of it now. Amounts are bytes.
type System struct {
	OS      string  `json:"os"`   // as Go names it: linux, darwin, windows
	Arch    string  `json:"arch"` // as Go names it: amd64, arm64
	CPU     CPU     `json:"cpu"`
	Memory  Amounts `json:"memory"`
	GPUs    []GPU   `json:"gpus"`
	GPUNote string  `json:"gpu_note,omitempty"` // why GPUs may be missing
	Disk    Amounts `json:"disk"`               // of the home folder
	Process Process `json:"process"`
}

// A CPU is the machine's processors taken together.
type CPU struct {
	Model   string `json:"model"`
	Cores   int    `json:"cores"`   // physical ones
	Threads int    `json:"threads"` // that this process may use
}

// Amounts are how much there is of something, and how much can be had now.
type Amounts struct {
	Total     uint64 `json:"total"`
	Available uint64 `json:"available"`
}

// A Process is the one that asks.
type Process struct {
	Pid int    `json:"pid"`
	RSS uint64 `json:"rss"` // resident memory, without that of plugins and engines
}

// A machine is one whose kernel shows its files below root.
type machine struct {
	root fs.FS
	smi  smi
}

// here is this machine.
var here = &machine{root: os.DirFS("/"), smi: smi{limit: askTimeout}}

// Read looks at this machine; home is a folder of the disk that counts. It takes
// some milliseconds, and up to three seconds where a GPU does not answer.
func Read(home string) System { return here.Read(home) }

// Memory returns the bytes of memory that this process may use at all and now:
// those of the machine, or less where a control group says so.
func Memory() (total, available uint64) { return here.Memory() }

// Read is [Read] of a machine.
func (m *machine) Read(home string) System {
	s := System{OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: processor(), Process: Process{Pid: os.Getpid()}}
	s.Memory.Total, s.Memory.Available = m.Memory()
	s.GPUs, s.GPUNote = m.GPUs()
	if usage, err := disk.Usage(home); err == nil {
		s.Disk = Amounts{usage.Total, usage.Free}
	}
	if self, err := process.NewProcess(int32(s.Process.Pid)); err == nil {
		if memory, err := self.MemoryInfo(); err == nil {
			s.Process.RSS = memory.RSS
		}
	}
	return s
}

// processor does not change while the program runs.
var processor = sync.OnceValue(func() CPU {
	c := CPU{Threads: runtime.NumCPU()}
	c.Cores, _ = cpu.Counts(false)
	if all, err := cpu.Info(); err == nil && len(all) > 0 {
		c.Model = all[0].ModelName
	}
	return c
})

// Free returns the bytes of the disk of a folder that this process may fill.
func Free(dir string) (uint64, error) {
	usage, err := disk.Usage(dir)
	if err != nil {
		return 0, err
	}
	return usage.Free, nil
}
