package main

import "testing"

func TestNumbered(t *testing.T) {
	for name, texts := range map[string][]string{
		"lost":    {"t0 ", "t2 "},
		"doubled": {"t0 ", "t0 ", "t1"},
		"swapped": {"t1 ", "t0"},
		"short":   {"t0 "},
	} {
		t.Run(name, func(t *testing.T) {
			if numbered(texts, 2) == nil {
				t.Error("nothing wrong is seen")
			}
		})
	}
	if err := numbered([]string{"t0 ", "t1"}, 2); err != nil {
		t.Error(err)
	}
}

func TestToken(t *testing.T) {
	for line, want := range map[string]string{
		`data: {"choices":[{"delta":{"content":"t7 "}}]}`: "t7 ",
		`data: {"choices":[{"delta":{"content":null}}]}`:  "",
		`data: [DONE]`: "",
	} {
		if got, ok := token([]byte(line)); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", line, got, ok)
		}
	}
}
