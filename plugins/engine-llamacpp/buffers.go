package main

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/dustin/go-humanize"
)

// buffers is what a llama-server says of the memory that it takes, as it loads:
//
//	load_tensors:      CUDA0 model buffer size =  5434.38 MiB
//	llama_kv_cache:    CUDA0 KV buffer size =  1536.00 MiB
//	sched_reserve:     CUDA0 compute buffer size =   672.01 MiB
//
// The names of the functions, and the word "model", are those of b11669; older
// builds have others ("llm_load_tensors:  CUDA0 buffer size"). Each line is a buffer
// of its own, but for those of computing, which are made again when they are too small.
type buffers struct {
	done chan struct{} // closed when the model is loaded

	mu      sync.Mutex
	loaded  bool
	kept    map[string]uint64    // bytes by device
	scratch map[[2]string]uint64 // bytes by function and device
}

var (
	buffer = regexp.MustCompile(`(\w+): +(\S+) +(?:(model|KV|RS|output|compute|LoRA) +)?buffer size *= *([0-9.]+) MiB`)
	ready  = regexp.MustCompile(`: model loaded\b`)
	// onHost are the ends of the names of buffers in the machine's own memory.
	onHost = regexp.MustCompile(`^CPU|_Host$|^AMX|^BLAS$|^Host$`)
	// views are the ends of the names of a device's further buffers.
	views = regexp.MustCompile(`_(Mapped|Private|Shared|Split)$`)
)

// host is the name of the machine's own memory.
const host = "CPU"

func newBuffers() *buffers {
	return &buffers{done: make(chan struct{}), kept: map[string]uint64{}, scratch: map[[2]string]uint64{}}
}

// line reads one line of the log.
func (b *buffers) line(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.loaded {
		return
	}
	if m := buffer.FindStringSubmatch(line); m != nil {
		b.add(m[1], device(m[2]), m[3] == "compute", m[4])
	}
	if ready.MatchString(line) {
		b.loaded = true
		close(b.done)
	}
}

func (b *buffers) add(function, device string, scratch bool, size string) {
	mib, err := strconv.ParseFloat(size, 64)
	if err != nil || mib > 1<<40 {
		return
	}
	bytes := uint64(mib * (1 << 20))
	if scratch {
		b.scratch[[2]string{function, device}] = bytes
		return
	}
	b.kept[device] += bytes
}

// device is where a buffer lies, by its name.
func device(name string) string {
	if onHost.MatchString(name) {
		return host
	}
	if name == "Meta()" { // split_mode tensor: all of them as one
		return "GPUs"
	}
	return views.ReplaceAllString(name, "")
}

// taken are the bytes by device so far.
func (b *buffers) taken() taken {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := taken(maps.Clone(b.kept))
	for at, bytes := range b.scratch {
		t[at[1]] += bytes
	}
	return t
}

// taken are bytes of memory by device: "CPU", "CUDA0".
type taken map[string]uint64

func (t taken) total() uint64 {
	var sum uint64
	for _, bytes := range t {
		sum += bytes
	}
	return sum
}

// onGPU says whether any of it lies on a GPU.
func (t taken) onGPU() bool {
	for name, bytes := range t {
		if name != host && bytes > 0 {
			return true
		}
	}
	return false
}

// String names the devices, the machine's own memory last: "CUDA0 5.4 GB, CPU 310 MB".
func (t taken) String() string {
	names := slices.Sorted(maps.Keys(t))
	if i := slices.Index(names, host); i >= 0 {
		names = append(slices.Delete(names, i, i+1), host)
	}
	for i, name := range names {
		names[i] = name + " " + amount(t[name])
	}
	return strings.Join(names, ", ")
}

func amount(bytes uint64) string { return humanize.SIWithDigits(float64(bytes), 1, "B") }
