package process_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/enginebay/enginebay/sdk/process"
)

func TestLineWriter(t *testing.T) {
	const longest = 16 << 10
	for name, c := range map[string]struct {
		written []string
		lines   []string
	}{
		"lines":                {[]string{"one\ntwo\n"}, []string{"one", "two"}},
		"pieces":               {[]string{"o", "n", "e\ntw", "o"}, []string{"one", "two"}},
		"empty lines":          {[]string{"\n\none\n\r\n\x1b\n"}, []string{"one"}},
		"carriage return":      {[]string{"one\r\ntwo\r\n"}, []string{"one", "two"}},
		"tab":                  {[]string{"a\tb"}, []string{"a\tb"}},
		"escape sequence":      {[]string{"\x1b]0;title\x07\x1b[31mred\n"}, []string{"]0;title[31mred"}},
		"bell, null, delete":   {[]string{"a\x07b\x00c\x7fd"}, []string{"abcd"}},
		"C1 in UTF-8":          {[]string{"a\u009b31mb\u0085c"}, []string{"a31mbc"}},
		"C1 as a byte":         {[]string{"a\x9b31mb"}, []string{"a\ufffd31mb"}},
		"not UTF-8":            {[]string{"caf\xe9"}, []string{"caf\ufffd"}},
		"a rune in two pieces": {[]string{"caf\xc3", "\xa9\n"}, []string{"café"}},
		"a long line":          {[]string{strings.Repeat("x", longest+1), "\ntwo"}, []string{strings.Repeat("x", longest), "two"}},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			w := process.LineWriter{Emit: func(line string) { lines = append(lines, line) }}
			for _, piece := range c.written {
				if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
					t.Fatalf("Write = %d, %v", n, err)
				}
			}
			w.Flush()
			if !slices.Equal(lines, c.lines) {
				t.Errorf("lines %.100q, want %.100q", lines, c.lines)
			}
		})
	}
}

func TestALineCutInsideARuneIsStillText(t *testing.T) {
	var line string
	w := process.LineWriter{Emit: func(l string) { line = l }}
	_, _ = w.Write([]byte("x" + strings.Repeat("é", 16<<10)))
	w.Flush()
	if !utf8.ValidString(line) || len(line) > 17<<10 {
		t.Errorf("%d bytes, ending in %q", len(line), line[len(line)-4:])
	}
}

func TestWithoutEmitAllIsDiscarded(t *testing.T) {
	var w process.LineWriter
	if n, err := w.Write([]byte("one\n")); n != 4 || err != nil {
		t.Errorf("Write = %d, %v", n, err)
	}
	w.Flush()
}

func TestAFloodDoesNotBlock(t *testing.T) {
	var out log
	c := start(t, out.add, "flood", "10000000") // far more than a pipe holds
	if err := ended(t, c); err != nil {
		t.Fatal(err)
	}
	after := 0
	for _, line := range out.all() {
		if len(line) > 16<<10 {
			t.Errorf("a line of %d bytes", len(line))
		}
		if line == "after the flood" {
			after++
		}
	}
	if after != 2 {
		t.Errorf("%d of 2 outputs were read to the end", after)
	}
}
