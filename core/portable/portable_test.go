package portable_test

import (
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/portable"
)

func TestName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "bin/engine-x", "libs/a.so.1", "ä/ö", ".hidden", "console", "a b", strings.Repeat("a", 255)} {
		if err := portable.Name(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "/etc/passwd", "../a", "a/../b", "a//b", "a/", "./a", `a\b`, "c:a", "a\x00b", "a\nb", "a\u202eb", "\xff",
		"nul", "NUL.txt", "a/com1.so", "a.", "a ", " a", "a*", strings.Repeat("a", 256), strings.Repeat("a/", 512) + "a"} {
		if err := portable.Name(name); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

func TestDistinct(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		names []string
		says  string
	}{
		{[]string{"a/b", "a/c", "b"}, ""},
		{[]string{"a", "A"}, "two files"},
		{[]string{"dir/a", "Dir/a"}, "two files"},
		{[]string{"a/dir/a", "a/Dir/b"}, "two folders"},
		{[]string{"e\u0301", "\u00e9"}, "two files"},
		{[]string{"a", "a/b"}, "a file and a folder"},
		{[]string{"a/b/c", "A"}, "a file and a folder"},
	} {
		err := portable.Distinct(c.names)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v", c.names, err)
		}
	}
}
