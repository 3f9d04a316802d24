package schemas_test

import (
	"strings"
	"testing"

	"github.com/enginebay/enginebay/schemas"
)

func TestPrintable(t *testing.T) {
	for _, text := range []string{"", "Wörter, 言葉 und 👩‍💻", `a\b "c"`} {
		if err := schemas.Printable(map[string]any{text: []string{text}}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"a\x1b[2Jb", "a\nb", "a\rb", "a\x07", "\u009b2J", "a\u202eb", "a\u2028b", "\x7f", "\u200f"} {
		for what, value := range map[string]any{"a text": text, "in a list": []any{1, text}, "a name": map[string]int{text: 1}} {
			if err := schemas.Printable(value); err == nil || strings.Contains(err.Error(), text) {
				t.Errorf("%s, %q: %v", what, text, err)
			}
		}
	}
}
