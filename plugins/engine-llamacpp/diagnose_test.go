package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/process"
)

// lines are the lines of a log as the engine sees them.
func lines(t *testing.T, name string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "logs", name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	w := process.LineWriter{Emit: func(line string) { out = append(out, line) }}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	return out
}

// TestDiagnose reads what llama-server b11669 wrote in each of these cases.
func TestDiagnose(t *testing.T) {
	tests := map[string]struct {
		code   sdk.Code
		reason string
	}{
		"missing":           {sdk.CodeInvalid, "failed to open GGUF file '/models/none.gguf' (No such file or directory)"},
		"empty":             {sdk.CodeInvalid, "failed to read magic"},
		"not-gguf":          {sdk.CodeInvalid, "invalid magic characters: 'hell', expected 'GGUF'"},
		"truncated-data":    {sdk.CodeInvalid, "tensor 'blk.2.ffn_down.weight' data is not within the file bounds, model is corrupted or incomplete"},
		"truncated-head":    {sdk.CodeInvalid, "string length 38 exceeds remaining file size 31 bytes"},
		"architecture":      {sdk.CodeUnsupported, "unknown model architecture: 'lxama'"},
		"version":           {sdk.CodeUnsupported, "this GGUF file is version 99 but this software only supports up to version 3"},
		"mmproj-missing":    {sdk.CodeInvalid, "failed to open GGUF file '/models/none.gguf' (No such file or directory)"},
		"mmproj-text-model": {sdk.CodeInvalid, "Failed to load CLIP model from /models/tiny-guide.gguf"},
		"quantized-cache":   {sdk.CodeInvalid, "quantized V cache requires flash_attn to be enabled"},
		"template":          {sdk.CodeInvalid, "parser: Parser Error: Expected }} (Got )"},
		"flag":              {sdk.CodeInvalid, "invalid argument: --frob"},
		"value":             {sdk.CodeInvalid, `argument "-fa": error: unknown value for --flash-attn: 'x'`},
		"number":            {sdk.CodeInvalid, `argument "-c": stoi`},
		"no-value":          {sdk.CodeInvalid, `argument "--top-k": expected value for argument`},
		"socket-taken":      {sdk.CodeInvalid, "couldn't bind HTTP server socket, hostname: /run/llama.sock, port: 9931"},
		"memory":            {sdk.CodeExhausted, "insufficient memory (attempted to allocate 19531.50 MB)"},
	}
	files, err := filepath.Glob("testdata/logs/*.log")
	if err != nil || len(files) != len(tests) {
		t.Errorf("%d logs and %d tests, %v", len(files), len(tests), err)
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			code, reason := diagnose(process.Exit{Err: errors.New("exit status 1"), Log: lines(t, name)})
			if code != want.code || reason != want.reason {
				t.Errorf("got %s, %q\nwant %s, %q", code, reason, want.code, want.reason)
			}
		})
	}
}

// TestDiagnoseSilence is about ends without a word in the log.
func TestDiagnoseSilence(t *testing.T) {
	quiet := []string{"0.00.026.966 I srv  llama_server: model loaded"}
	tests := map[string]struct {
		exit   string
		log    []string
		code   sdk.Code
		reason string
	}{
		"out of memory": {"signal: killed", quiet, sdk.CodeUnavailable, "memory runs out"},
		"crash":         {"signal: segmentation fault (core dumped)", quiet, sdk.CodeInternal, "it crashed"},
		"abort":         {"signal: aborted (core dumped)", nil, sdk.CodeInternal, "it crashed"},
		"status":        {"exit status 7", quiet, sdk.CodeInternal, "model loaded"},
		"nothing":       {"exit status 7", nil, sdk.CodeInternal, "exit status 7"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			code, reason := diagnose(process.Exit{Err: errors.New(test.exit), Log: test.log})
			if code != test.code || !strings.Contains(reason, test.reason) {
				t.Errorf("got %s, %q; want %s, …%q…", code, reason, test.code, test.reason)
			}
		})
	}
}
