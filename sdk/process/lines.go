package process

// maxLine bounds one line of output, in bytes: the rest of a longer one is dropped.
const maxLine = 16 << 10

// A LineWriter cuts what is written to it into lines without control characters.
// It never fails and never stops taking more: a program that logs without end
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
		switch {
		case b == '\n':
			w.Flush()
		case len(w.line) >= maxLine, b < ' ' && b != '\t', b == 0x7f:
		default:
			w.line = append(w.line, b)
		}
	}
	return len(p), nil
}

// Flush emits a last line that has no end.
func (w *LineWriter) Flush() {
	if w.Emit != nil && len(w.line) > 0 {
		w.Emit(string(w.line))
	}
	w.line = w.line[:0]
}
