package main

import (
	"strings"
	"testing"
)

// TestSpeech cuts texts into pieces of one byte and more, and puts them together.
func TestSpeech(t *testing.T) {
	tests := map[string]struct {
		text, prompt string
		stops        []string
		want         string
		stopped      bool
	}{
		"plain":                 {"one two", "", nil, "one two", false},
		"letters of many bytes": {"é😀ü", "", nil, "é😀ü", false},
		"stop word":             {"one STOP two", "", []string{"STOP"}, "one ", true},
		"the first of several":  {"one two three", "", []string{"three", "two"}, "one ", true},
		"one within another":    {"a</s>b", "", []string{"</s", "</s>"}, "a", true},
		"begun and not ended":   {"one STO two ST", "", []string{"STOP"}, "one STO two ST", false},
		"at once":               {"STOP", "", []string{"STOP"}, "", true},
		"begun twice":           {"aabaabaac", "", []string{"aabaac"}, "aab", true},
		"prompt":                {"Hi! one", "Hi! ", nil, "one", false},
		"prompt with stop":      {"STOP one STOP", "STOP ", []string{"STOP"}, "one ", true},
		"another beginning":     {"Hi one", "Hi! ", nil, "Hi one", false},
		"nothing but prompt":    {"Hi! ", "Hi! ", nil, "", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, accumulated := range []bool{false, true} {
				for size := 1; size <= len(test.text); size++ {
					s := &speech{prompt: test.prompt, stops: test.stops, accumulated: accumulated}
					var got strings.Builder
					for at := 0; at < len(test.text) && !s.stopped; at += size {
						end := min(at+size, len(test.text))
						piece := test.text[at:end]
						if accumulated {
							piece = test.text[:end]
						}
						given := s.add(piece)
						if strings.ToValidUTF8(given, "") != given {
							t.Errorf("half a letter: %q", given)
						}
						got.WriteString(given)
					}
					got.WriteString(s.rest())
					if got.String() != test.want || s.stopped != test.stopped {
						t.Errorf("pieces of %d, accumulated %t: %q, %t", size, accumulated, got.String(), s.stopped)
					}
				}
			}
		})
	}
}

// TestReplacement: a tokenizer shows half a letter as a sign that goes away again.
func TestReplacement(t *testing.T) {
	s := &speech{accumulated: true}
	got := s.add("a\uFFFD") + "|" + s.add("aé") + "|" + s.add("aé\uFFFD") + "|" + s.rest()
	if got != "a|é||\uFFFD" {
		t.Errorf("got %q", got)
	}
}
