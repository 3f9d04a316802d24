package main

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// wrapper is the fake of trtllm-serve with knobs.
func wrapper(t *testing.T, knobs string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no shell")
	}
	file := filepath.Join(t.TempDir(), "trtllm-serve")
	if err := os.WriteFile(file, []byte("#!/bin/sh\nTRTLLM_FAKE='"+knobs+"' exec "+trtllm(t)+" \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

// serving is the address of a trtllm-serve that runs already.
func serving(t *testing.T, name, knobs string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	listener.Close()
	server := exec.Command(trtllm(t), "serve", small(t).Dir, "--host", "127.0.0.1", "--port", port, "--served_model_name", name)
	server.Env = append(os.Environ(), "TRTLLM_FAKE="+knobs)
	log, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if strings.Contains(lines.Text(), "startup complete") {
			return "http://" + address
		}
		t.Log(lines.Text())
	}
	t.Fatal("the fake of trtllm-serve ended")
	return ""
}

// happened is what the fake of Triton has seen.
type happened struct {
	Running, Cancelled, Loads, Unloads int
	Inputs                             map[string][]any
}

func (h happened) one(name string) any {
	if len(h.Inputs[name]) == 1 {
		return h.Inputs[name][0]
	}
	return nil
}

func seenBy(t *testing.T, address string) happened {
	t.Helper()
	resp, err := http.Get(address + "/fake")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var h happened
	if err := json.NewDecoder(resp.Body).Decode(&h); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return h
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// withGPU puts an nvidia-smi of a machine with a GPU before all others.
func withGPU(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte("#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 81559, 9.0, 580.65.06'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// eventually waits for what must come to be.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come: %s", what)
		}
	}
}
