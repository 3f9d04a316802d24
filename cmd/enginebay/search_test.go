package main

import (
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

func TestHitsFit(t *testing.T) {
	hits := []hit{
		{Ref: "hf://acme/a-repository-with-a-rather-long-name-GGUF", Description: "a model whose description is much longer than any terminal has columns, and goes on and on and on and on"},
		{Ref: "hf://acme/tiny", Name: "模型模型模型模型模型模型模型模型模型模型模型模型模型模型模型模型模型"},
	}
	for _, test := range []struct {
		columns   int
		described bool
	}{{0, true}, {119, true}, {79, true}, {64, true}, {55, false}, {20, false}} {
		var out strings.Builder
		printFitting(&out, hits, test.columns)
		if got := strings.Contains(out.String(), "DESCRIPTION"); got != test.described {
			t.Errorf("%d columns: described is %v:\n%s", test.columns, got, out.String())
		}
		for line := range strings.Lines(out.String()) {
			width := runewidth.StringWidth(strings.TrimSuffix(line, "\n"))
			if test.described && test.columns > 0 && width > test.columns {
				t.Errorf("%d columns, and a line has %d: %s", test.columns, width, line)
			}
		}
	}
}
