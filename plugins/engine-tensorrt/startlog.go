package main

import (
	"regexp"
	"strconv"
	"sync"

	"github.com/enginebay/enginebay/sdk"
)

// startLog reads how far trtllm-serve has come out of its log, which is all that it
// tells of that.
type startLog struct {
	progress func(sdk.Progress)

	mu      sync.Mutex
	now     sdk.Progress
	weights float64 // GiB, by the log
	cache   float64
}

// phases are lines of the log, in the order in which they come, with a share of the
// time that is a guess.
var phases = []struct {
	line *regexp.Regexp
	now  sdk.Progress
}{
	{regexp.MustCompile(`(?i)Uvicorn running|Application startup complete`), sdk.Progress{Fraction: 0.97, Note: "ready"}},
	{regexp.MustCompile(`(?i)Started server process|Waiting for application startup`), sdk.Progress{Fraction: 0.95, Note: "starting the HTTP server"}},
	{regexp.MustCompile(`(?i)CUDA graph|Autotun|warm-?up`), sdk.Progress{Fraction: 0.85, Note: "warming up"}},
	{regexp.MustCompile(`(?i)paged KV cache|KV cache (?:blocks|pages|size|manager)|max tokens in`), sdk.Progress{Fraction: 0.75, Note: "making room for the cache"}},
	{regexp.MustCompile(`(?i)Loading (?:safetensors )?weights|Prefetching|load_weights|Loaded engine`), sdk.Progress{Fraction: 0.3, Note: "loading weights"}},
	{regexp.MustCompile(`(?i)Using LLM with|LLM Args|LLM args|Set nccl|backend`), sdk.Progress{Fraction: 0.15, Note: "preparing the model"}},
	{regexp.MustCompile(`(?i)TensorRT[- ]LLM version`), sdk.Progress{Fraction: 0.1, Note: "starting Python"}},
}

var (
	weightsLine = regexp.MustCompile(`(?i)Memory used for model weights.*?: ([\d.]+) GiB|Memory used after loading model weights \(inside torch\).*?: ([\d.]+) GiB`)
	cacheLine   = regexp.MustCompile(`Allocated ([\d.]+) GiB for max tokens in paged KV cache`)
)

// line takes one line of the log.
func (l *startLog) line(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range phases {
		if p.line.MatchString(line) {
			if p.now.Fraction > l.now.Fraction {
				l.now = p.now
			}
			break
		}
	}
	number(weightsLine, line, &l.weights)
	number(cacheLine, line, &l.cache)
}

// number takes the first group that a line has.
func number(r *regexp.Regexp, line string, into *float64) {
	for _, group := range r.FindStringSubmatch(line) {
		if n, err := strconv.ParseFloat(group, 64); err == nil {
			*into = n
		}
	}
}

// report tells the core.
func (l *startLog) report() {
	l.mu.Lock()
	now := l.now
	l.mu.Unlock()
	if now.Note == "" {
		now = sdk.Progress{Fraction: -1, Note: "starting trtllm-serve"}
	}
	l.progress(now)
}

// memory is what the log says was taken, in bytes; 0 where it does not say both.
func (l *startLog) memory() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.weights == 0 || l.cache == 0 {
		return 0
	}
	return uint64((l.weights + l.cache) * (1 << 30))
}
