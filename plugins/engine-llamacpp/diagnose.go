package main

import (
	"regexp"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/process"
)

var (
	// stamped is a line of llama-server's log at level error:
	// "0.00.012.707 E llama_model_load: error loading model: …".
	stamped = regexp.MustCompile(`^[\d.]+ E (?:\w+ +)?(?:[\w.~]+: )?(.*)`)
	// plain is what it says before its log begins, of its arguments mostly.
	plain = regexp.MustCompile(`^(?:error: |error while handling )(.*)`)
	// results are errors that follow from one that was told before.
	results = regexp.MustCompile(`failed to load model|trying to fit params|failed to create[ _]context|exiting due to|memory usage of mmproj|` +
		`failed to initialize chat template|consider disabling jinja|failed to apply template: std::exception`)
	// lead is what comes before the reason itself.
	lead = regexp.MustCompile(`^(?:\w+: )?(?:error loading model: |error: )`)
	// memory are the words of a load that found too little of it.
	memory = regexp.MustCompile(`(?i)insufficient memory|out of memory|failed to allocate|unable to allocate|cannot allocate|bad_alloc`)
	// newer are the words for a model that a later llama.cpp may run.
	newer = regexp.MustCompile(`unknown model architecture|only supports up to version`)
)

// diagnose picks llama-server's own reason out of the last lines of its log: the
// first error that is not a mere result of one before. (25 ways to fail were
// tried on b11669; each gave its reason so.)
func diagnose(exit process.Exit) (sdk.Code, string) {
	code := sdk.CodeInvalid
	for _, line := range exit.Log {
		switch {
		case memory.MatchString(line):
			code = sdk.CodeExhausted
		case newer.MatchString(line):
			code = sdk.CodeUnsupported
		}
	}
	for _, line := range exit.Log {
		if m := stamped.FindStringSubmatch(line); m != nil && !results.MatchString(line) {
			return code, lead.ReplaceAllString(m[1], "")
		}
	}
	for _, line := range exit.Log {
		if m := plain.FindStringSubmatch(line); m != nil {
			return code, m[1]
		}
	}
	return exit.Reason()
}
