package main

import (
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// TestDenied tries each denied argument in every way in which llama-server
// reads it, or a later build of it might.
func TestDenied(t *testing.T) {
	for name := range deniedArgs {
		for _, spelling := range []string{name, name + "=value", underscored(name), underscored(name) + "=value"} {
			err := checkExtraArgs([]string{"--top-k", "40", spelling})
			if sdk.CodeOf(err) != sdk.CodeInvalid || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: got %v, want a refusal of %s", spelling, err, name)
			}
		}
	}
}

func underscored(name string) string {
	if long, ok := strings.CutPrefix(name, "--"); ok {
		return "--" + strings.ReplaceAll(long, "-", "_")
	}
	return name
}

func TestDeniedFamilies(t *testing.T) {
	for _, arg := range []string{
		"--embd-gemma-default", "--fim-qwen-7b-spec", "--fim_qwen_7b_spec", "--gpt-oss-20b-default", "--vision-gemma-4b-default",
		"--hf-new", "--models-new", "--mcp-new", "--ssl-new", "--cors-new=*",
	} {
		if err := checkExtraArgs([]string{arg}); sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("%s: got %v, want a refusal", arg, err)
		}
	}
}

func TestAllowed(t *testing.T) {
	for _, args := range [][]string{
		nil, {"--top-k", "40"}, {"--no-warmup"}, {"-fit", "off"}, {"--rope-scaling", "yarn"}, {"--reasoning-format", "none"},
		{"--override-tensor", "exps=CPU"}, {"-ot", "blk.*=CPU"}, {"--split-mode", "row"}, {"--poll", "0"}, {"--metrics"},
	} {
		if err := checkExtraArgs(args); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}
