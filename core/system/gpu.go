package system

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A GPU is one graphics card that could compute. Memory is in bytes, and zero
// where the driver does not say: many share that of the machine.
type GPU struct {
	Name   string  `json:"name"`
	Vendor string  `json:"vendor"` // nvidia, amd, intel
	Driver string  `json:"driver,omitempty"`
	Memory Amounts `json:"memory"`
}

const (
	// askTimeout bounds nvidia-smi, which hangs with a card that does.
	askTimeout = 3 * time.Second
	// fresh is how long an answer of nvidia-smi is used again: it takes up to
	// half a second, and anybody may ask for GET /v1/system.
	fresh = 2 * time.Second
)

// GPUs returns the cards, and why some may be missing.
func (m *machine) GPUs() (gpus []GPU, note string) {
	gpus, err := m.smi.ask()
	switch {
	case err == nil:
	case errors.Is(err, exec.ErrNotFound):
		gpus = m.nvidiaCards()
		if len(gpus) > 0 {
			note = "nvidia-smi is not on the PATH: the memory of NVIDIA cards is not known"
		}
	default:
		gpus, note = m.nvidiaCards(), err.Error()
	}
	if runtime.GOOS != "linux" && len(gpus) == 0 && note == "" {
		note = "only NVIDIA cards are looked for on " + runtime.GOOS
	}
	return append(append([]GPU{}, gpus...), m.drmCards()...), note
}

// smi asks nvidia-smi, one question at a time.
type smi struct {
	limit time.Duration // for an answer

	mu   sync.Mutex
	at   time.Time
	gpus []GPU
	err  error
}

func (s *smi) ask() ([]GPU, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() || time.Since(s.at) > fresh {
		s.gpus, s.err = askNVIDIA(s.limit)
		s.at = time.Now()
	}
	return s.gpus, s.err
}

func askNVIDIA(limit time.Duration) ([]GPU, error) {
	program, err := exec.LookPath("nvidia-smi")
	if err != nil {
		return nil, exec.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--query-gpu=name,driver_version,memory.total,memory.free", "--format=csv,noheader,nounits")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("nvidia-smi did not answer within %v; a card may hang", limit)
	case err != nil:
		return nil, fmt.Errorf("nvidia-smi: %s", reason(out, err))
	}
	return parseNVIDIA(string(out))
}

// reason is what nvidia-smi says, which it does on standard output.
func reason(out []byte, err error) string {
	if line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n"); line != "" {
		return line
	}
	return err.Error()
}

func parseNVIDIA(text string) ([]GPU, error) {
	table := csv.NewReader(strings.NewReader(text))
	table.TrimLeadingSpace, table.FieldsPerRecord = true, 4
	rows, err := table.ReadAll()
	if err != nil {
		return nil, errors.New("nvidia-smi answered in a form that is not known")
	}
	var gpus []GPU
	for _, row := range rows {
		gpus = append(gpus, GPU{row[0], "nvidia", row[1], Amounts{mebibytes(row[2]), mebibytes(row[3])}})
	}
	return gpus, nil
}

// mebibytes is 0 for "[N/A]", which cards say that share the machine's memory.
func mebibytes(text string) uint64 {
	n, _ := strconv.ParseUint(text, 10, 64)
	return n << 20
}

// nvidiaCards are those that the driver lists, for a machine without nvidia-smi.
func (m *machine) nvidiaCards() []GPU {
	files, _ := fs.Glob(m.root, "proc/driver/nvidia/gpus/*/information")
	var gpus []GPU
	for _, file := range files {
		text, _ := fs.ReadFile(m.root, file)
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "Model:"); ok {
				gpus = append(gpus, GPU{Name: strings.TrimSpace(name), Vendor: "nvidia", Driver: m.nvidiaDriver()})
			}
		}
	}
	return gpus
}

// vendors are the makers of cards that engines compute on, by PCI id. What a
// virtual machine shows as its screen is none.
var vendors = map[string]string{"0x1002": "amd", "0x8086": "intel"}

// drmCards are the cards of AMD and Intel, as Linux lists them.
func (m *machine) drmCards() []GPU {
	cards, _ := fs.Glob(m.root, "sys/class/drm/card[0-9]*")
	var gpus []GPU
	for _, card := range cards {
		if strings.Contains(path.Base(card), "-") { // card0-HDMI-A-1: a plug of a card
			continue
		}
		device := path.Join(card, "device")
		vendor, ok := vendors[m.text(device, "vendor")]
		if !ok {
			continue
		}
		gpu := GPU{Name: m.text(device, "product_name"), Vendor: vendor}
		if gpu.Name == "" {
			gpu.Name = vendor + " " + m.text(device, "device")
		}
		if total, ok := m.number(device, "mem_info_vram_total"); ok {
			used, _ := m.number(device, "mem_info_vram_used")
			gpu.Memory = Amounts{total, total - min(total, used)}
		}
		gpus = append(gpus, gpu)
	}
	return gpus
}

func (m *machine) text(dir, name string) string {
	text, _ := fs.ReadFile(m.root, path.Join(dir, name))
	return strings.TrimSpace(string(text))
}
