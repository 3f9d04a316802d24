// Command trtllm-serve is NVIDIA's program of that name for tests: it takes the
// arguments of the real one and no others, writes a log like its, listens where it is
// told, and answers in OpenAI's form with the words that it was asked. There is no
// model in it.
//
// What shall go wrong stands in TRTLLM_FAKE, words with spaces between:
//
//	old         version 1.2: without --served_model_name, with --backend tensorrt
//	front       Triton's OpenAI front end: /health/ready in place of /health
//	hang        never ready, with a child
//	port FILE   the port is taken, as long as FILE is not there; then FILE is made
//	oom cache driver nogpu import arch silent   ends at the start for that reason
//	crash       ends at the first request
//	key KEY     requests need this key
//	pause MS    before each word of an answer
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// knobs are the words of TRTLLM_FAKE.
var knobs = strings.Fields(os.Getenv("TRTLLM_FAKE"))

func knob(name string) bool { return slices.Contains(knobs, name) }

func knobValue(name string) string {
	if i := slices.Index(knobs, name); i >= 0 && i+1 < len(knobs) {
		return knobs[i+1]
	}
	return ""
}

func main() {
	a, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "Usage: trtllm-serve serve [OPTIONS] MODEL\nTry 'trtllm-serve serve --help' for help.\n\nError: %v\n", err)
		os.Exit(2)
	}
	if err := a.check(); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
	tell("TensorRT-LLM version: 1.3.0")
	tell("Using LLM with PyTorch backend")
	misbehave()
	listener, err := net.Listen("tcp", net.JoinHostPort(a.value("--host"), a.value("--port")))
	if err != nil {
		raise("RuntimeError: Failed to bind socket to %s:%s: [Errno 98] Address already in use", a.value("--host"), a.value("--port"))
	}
	tell("Loading safetensors weights in parallel: 100%%")
	tell("Memory used for model weights (inside torch) in memory usage profiling: 1.50 GiB")
	tell("[MemUsageChange] Allocated 2.50 GiB for max tokens in paged KV cache (4096).")
	tell("Running CUDA graph warmup")
	fmt.Fprintln(os.Stderr, "INFO:     Application startup complete.")
	s := &serving{model: a.model(), pause: pause()}
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		server.Close()
	}()
	_ = server.Serve(listener) // it ends by the signal
}

func pause() time.Duration {
	ms, _ := strconv.Atoi(knobValue("pause")) // none is none
	return time.Duration(ms) * time.Millisecond
}

func tell(format string, args ...any) {
	fmt.Printf("[11/22/2026-08:00:00] [TRT-LLM] [I] "+format+"\n", args...)
}

// raise ends as Python does.
func raise(format string, args ...any) {
	fmt.Fprintln(os.Stderr, "Traceback (most recent call last):\n  File \"/usr/local/bin/trtllm-serve\", line 8, in <module>\n    sys.exit(main())")
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// ends are what the real program has been seen to say, or says in its source.
var ends = map[string]string{
	"oom":    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 40.00 MiB. GPU 0 has a total capacity of 22.07 GiB of which 20.62 MiB is free.",
	"cache":  "RuntimeError: Insufficient memory for KV cache: 0 blocks",
	"driver": "RuntimeError: The NVIDIA driver on your system is too old (found version 12020).",
	"nogpu":  "ValueError: No GPU devices found on the node",
	"import": "ModuleNotFoundError: No module named 'tensorrt_llm.bindings'",
	"arch":   "ValueError: Unknown architecture for AutoModelForCausalLM: XyzForCausalLM",
}

func misbehave() {
	for name, words := range ends {
		if knob(name) {
			raise("%s", words)
		}
	}
	if knob("silent") {
		os.Exit(3)
	}
	if file := knobValue("port"); file != "" {
		if _, err := os.Stat(file); err != nil {
			_ = os.WriteFile(file, nil, 0o600) // or it goes wrong again
			raise("RuntimeError: Failed to bind socket to 127.0.0.1:1: [Errno 98] Address already in use")
		}
	}
	if knob("hang") {
		child := exec.Command("sleep", "600")
		_ = child.Start() // a child is part of what must be gone
		select {}
	}
}

// model is what the server calls it.
func (a arguments) model() string {
	if name := a.value("--served_model_name"); name != "" {
		return name
	}
	return filepath.Base(a.folder)
}
