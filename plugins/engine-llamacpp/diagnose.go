package main

import (
	"regexp"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// prefix is what llama-server's log puts before a line: a time, a level, and
// often the function that speaks.
var prefix = regexp.MustCompile(`^(\d+(\.\d+)+ )?([EWID] )?(\x1b\[[0-9;]*m)*`)

// exhausted are the words of a load that found no memory.
var exhausted = regexp.MustCompile(`(?i)out of memory|failed to allocate|unable to allocate|cannot allocate|bad_alloc|alloc.*failed|failed to create context|failed to init(ialize)? the context`)

// reasons are the words of lines that tell why a load failed.
var reasons = regexp.MustCompile(`(?i)error|fail|invalid|unknown|unsupported|not supported|unable|cannot|corrupt|exceed|too large|missing|mismatch|terminate called|what\(\)|assert`)

// results are lines that only report that something failed, after the line that
// says why.
var results = regexp.MustCompile(`(?i)exiting due to|failed to load model|error loading model from file|unable to load model|common_init_from_params|cleaning up before exit|run with|backtrace`)

// diagnose picks the reason out of the last lines: the first line that tells one
// and is not a mere result of it, for what follows follows from it.
func diagnose(log []string) (sdk.Code, string) {
	code := sdk.CodeInvalid
	first, fallback := "", ""
	for _, line := range log {
		if exhausted.MatchString(line) {
			code = sdk.CodeExhausted
		}
		if !reasons.MatchString(line) {
			continue
		}
		text := strings.TrimSpace(prefix.ReplaceAllString(line, ""))
		switch {
		case results.MatchString(line):
			fallback = text
		case first == "":
			first = text
		}
	}
	if first == "" {
		first = fallback
	}
	if first == "" {
		code = sdk.CodeInternal
	}
	return code, first
}
