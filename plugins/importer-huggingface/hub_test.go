package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// binary is the plugin's program.
var program string

func TestMain(m *testing.M) { sdktest.Main(m, &program) }

// repos are the files of repositories by OWNER/REPO/PATH.
type repos map[string]string

// hub is a running fake hub.
type hub struct {
	url  string
	root string

	mu       sync.Mutex
	requests []string
	asked    *sync.Cond
}

// token is one that the hub knows as alice's.
const token = "hf_aliceSecretToken"

// startHub runs a hub with these repositories until the end of the test.
func startHub(t *testing.T, files repos, flags ...string) *hub {
	t.Helper()
	h := &hub{root: t.TempDir()}
	h.asked = sync.NewCond(&h.mu)
	for name, content := range files {
		on := filepath.Join(h.root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(on), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(on, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(sdktest.Build(t, "../../cmd/hub"), append([]string{"-root", h.root, "-token", "alice=" + token, "-token", "bob=hf_bob", "-v"}, flags...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	told, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { h.read(told) })
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		reading.Wait()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the hub does not start: %v", err)
	}
	h.url = strings.TrimSpace(line)
	return h
}

func (h *hub) read(told io.Reader) {
	for lines := bufio.NewScanner(told); lines.Scan(); {
		h.mu.Lock()
		h.requests = append(h.requests, lines.Text())
		h.asked.Broadcast()
		h.mu.Unlock()
	}
}

// wait returns the first n requests, once there are as many.
func (h *hub) wait(n int) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.requests) < n {
		h.asked.Wait()
	}
	return h.requests
}

// importer is one that is configured for the hub.
func (h *hub) importer(t *testing.T, token string) *importer {
	t.Helper()
	i := &importer{}
	c := sdk.Configuration{Settings: json.RawMessage(fmt.Sprintf(`{"endpoint": %q}`, h.url)), Log: hclog.New(&hclog.LoggerOptions{Output: t.Output(), Level: hclog.Debug})}
	if token != "" {
		c.Secrets = map[string]string{"token": token}
	}
	if err := i.Configure(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return i
}

// resolve resolves a ref without a token.
func (h *hub) resolve(t *testing.T, ref sdk.Ref) []sdk.Plan {
	t.Helper()
	plans, err := h.importer(t, "").Resolve(t.Context(), ref)
	if err != nil {
		t.Fatalf("Resolve %s: %v", ref, err)
	}
	return plans
}

// model is a small GGUF file of the usual kind, with a tensor of 1,024 numbers.
func model(architecture string) string {
	var b []byte
	le := binary.LittleEndian
	text := func(s string) { b = append(le.AppendUint64(b, uint64(len(s))), s...) }
	number := func(key string, n uint32) {
		text(key)
		b = le.AppendUint32(le.AppendUint32(b, 4), n)
	}
	b = append(b, "GGUF"...)
	b = le.AppendUint32(b, 3)
	b = le.AppendUint64(b, 1) // tensors
	b = le.AppendUint64(b, 8) // keys
	text("general.architecture")
	b = le.AppendUint32(b, 8)
	text(architecture)
	number("general.file_type", 15)
	number(architecture+".context_length", 32768)
	number(architecture+".block_count", 4)
	number(architecture+".embedding_length", 64)
	number(architecture+".attention.head_count", 4)
	number(architecture+".attention.head_count_kv", 2)
	number(architecture+".vocab_size", 100)
	text("output.weight")
	b = le.AppendUint64(le.AppendUint64(le.AppendUint32(b, 2), 32), 32)
	b = le.AppendUint64(le.AppendUint32(b, 0), 0)
	b = append(b, make([]byte, (32-len(b)%32)%32+4096)...)
	return string(b)
}
