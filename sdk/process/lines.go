package process

import (
	"strings"
	"unicode"
)

// maxLine bounds one line of output, in bytes: the rest of a longer one is dropped.
const maxLine = 16 << 10

// A LineWriter cuts what is written to it into lines of valid UTF-8 without
// control characters. It never fails and never stops taking more: a program that logs without end
// must not block on its log.
type LineWriter struct {
	Emit func(line string) // called with each line; nil discards them
	line []byte
}

// Write implements io.Writer.
func (w *LineWriter) Write(p []byte) (int, error) {
	if w.Emit == nil {
		return len(p), nil
	}
	for _, b := range p {
		if b == '\n' {
			w.Flush()
		} else if len(w.line) < maxLine {
			w.line = append(w.line, b)
		}
	}
	return len(p), nil
}

// Flush emits a last line that has no end.
func (w *LineWriter) Flush() {
	if line := strings.Map(printable, string(w.line)); w.Emit != nil && line != "" {
		w.Emit(line)
	}
	w.line = w.line[:0]
}

// printable drops what a terminal would obey. A byte that is no UTF-8 comes as
// U+FFFD: a line may end up in a protobuf string, which takes no other.
func printable(r rune) rune {
	if unicode.IsControl(r) && r != '\t' {
		return -1
	}
	return r
}
