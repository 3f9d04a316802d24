package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// screen is the last lines of a terminal, which are painted again and again. What
// is printed between two paints stands above them.
type screen struct {
	out    *os.File
	widths []int // of the lines as they were painted last
}

// newScreen is that of a file; nil where it is no terminal that can be painted on.
func newScreen(out any) *screen {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return &screen{out: f}
}

// size is how many columns and lines there are for painting.
func (s *screen) size() (columns, lines int) {
	columns, lines, err := term.GetSize(int(s.out.Fd()))
	if err != nil || columns < 1 || lines < 1 {
		columns, lines = 80, 24
	}
	return columns - 1, max(lines-1, 1) // a full last column would wrap
}

// paint puts lines in the place of those before, in one write: no flicker.
func (s *screen) paint(lines []string) {
	columns, most := s.size()
	if len(lines) > most {
		lines = append(lines[:most-1:most-1], fmt.Sprintf("… and %d more", len(lines)-most+1))
	}
	var b bytes.Buffer
	s.back(&b)
	for _, line := range lines {
		line = runewidth.Truncate(line, columns, "…")
		s.widths = append(s.widths, runewidth.StringWidth(line))
		fmt.Fprintf(&b, "%s\x1b[K\n", line)
	}
	b.WriteString("\x1b[J")
	_, _ = s.out.Write(b.Bytes())
}

// clear takes the lines away.
func (s *screen) clear() {
	var b bytes.Buffer
	s.back(&b)
	b.WriteString("\x1b[J")
	_, _ = s.out.Write(b.Bytes())
}

// back goes to where the lines begin. A terminal that was made narrower meanwhile
// has wrapped them.
func (s *screen) back(b *bytes.Buffer) {
	columns, _ := s.size()
	rows := 0
	for _, width := range s.widths {
		rows += max(1, (width+columns)/(columns+1))
	}
	b.WriteByte('\r')
	if rows > 0 {
		fmt.Fprintf(b, "\x1b[%dA", rows)
	}
	s.widths = s.widths[:0]
}
