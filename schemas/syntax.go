package schemas

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// syntax says what hujson found wrong in the words of the person who wrote the
// file. hujson tells place and reason only in its text; shift is the number of
// bytes that were put before the file's own.
func (f jsonFile) syntax(err error, shift int) Problem {
	start, end := token(f.text, min(f.offset(err, shift), len(f.text)))
	if end == len(f.text) { // also an open string, which runs to the end
		return f.atEnd(err, start)
	}
	near := f.near(start, end)
	p := f.problem(start, expectation(err.Error()), nearText(near))
	if p.Expected == aValue {
		p.Expected = f.valueOrName(near, start+len(near))
	}
	p.Suggestion = instead(near)
	return p
}

// offset returns where hujson stopped; its columns count bytes. What was put
// before the text stands in the first line.
func (f jsonFile) offset(err error, shift int) int {
	var line, column int
	if _, scan := fmt.Sscanf(err.Error(), "hujson: line %d, column %d:", &line, &column); scan != nil {
		return 0
	}
	if line == 1 {
		return max(column-1-shift, 0)
	}
	offset := 0
	for range line - 1 {
		offset += past(f.text[offset:], 0, "\n")
	}
	return offset + column - 1
}

// atEnd explains a file that ends too early: what is still open, and where it
// began.
func (f jsonFile) atEnd(err error, start int) Problem {
	switch text := err.Error(); {
	case strings.Contains(text, "comment"):
		return f.problem(bytes.LastIndex(f.text, []byte("/*")), "'*/' at the end of this comment", endOfFile)
	case start < len(f.text) && f.text[start] == '"', strings.Contains(text, "parsing string"):
		return f.problem(f.openString(), "'\"' at the end of this text", endOfFile)
	case strings.Contains(text, "after top-level value"): // stopped at the brace that was put there
		return f.problem(bytes.LastIndexByte(f.text, '}'), endOfFile, "'}'")
	}
	p := f.problem(len(f.text)-1, expectation(err.Error()), endOfFile)
	if open := f.openBracket(); open >= 0 {
		p.Expected = fmt.Sprintf("'%c' for the '%c' of line %d", f.text[open]+2, f.text[open], f.problem(open, "", "").Line)
	}
	return p
}

// What is expected in more than one place.
const (
	endOfFile = "the end of the file"
	aValue    = "a value"
)

// valueOrName says more about a token that is no value: what a colon follows is
// meant as a name, and text lacks its quotes.
func (f jsonFile) valueOrName(near string, end int) string {
	start := skipBlank(f.text, end)
	switch first, _ := utf8.DecodeRuneInString(near); {
	case start < len(f.text) && f.text[start] == ':':
		return "a name in double quotes"
	case unicode.IsPunct(first) && first > unicode.MaxASCII, first == '\'', unicode.IsLetter(first):
		return "a value (text takes double quotes)"
	}
	return aValue
}

// openString returns the offset of the last string of the text.
func (f jsonFile) openString() int {
	last := 0
	for start, end := token(f.text, 0); start < len(f.text); start, end = token(f.text, end) {
		if f.text[start] == '"' {
			last = start
		}
	}
	return last
}

// openBracket returns the offset of the innermost bracket that is never
// closed, or -1.
func (f jsonFile) openBracket() int {
	var open []int
	for start, end := token(f.text, 0); start < len(f.text); start, end = token(f.text, end) {
		switch f.text[start] {
		case '{', '[':
			open = append(open, start)
		case '}', ']':
			open = open[:max(len(open)-1, 0)]
		}
	}
	if len(open) == 0 {
		return -1
	}
	return open[len(open)-1]
}

// expectation turns hujson's reason into what should have been there.
func expectation(reason string) string {
	for _, known := range []struct{ part, expected string }{
		{"after top-level value", endOfFile},
		{"at start of object name", "a name in double quotes"},
		{"after object name", "':' after the name"},
		{"after object value", "',' or '}'"},
		{"after array value", "',' or ']'"},
		{"parsing object after name", "':' after the name"},
		{"parsing object after value", "',' or '}'"},
		{"parsing array after value", "',' or ']'"},
		{"in line comment", "a comment without line separators (U+2028)"},
		{`invalid literal: "`, `text with valid escapes on one line (a backslash is \\)`},
	} {
		if strings.Contains(reason, known.part) {
			return known.expected
		}
	}
	return aValue
}

// near returns the token between start and end; text in single quotes counts as
// one, because its author meant it so.
func (f jsonFile) near(start, end int) string {
	line, _, _ := bytes.Cut(f.text[start:], []byte("\n"))
	if closing := bytes.IndexByte(line[1:], '\''); line[0] == '\'' && closing > 0 {
		return string(line[:closing+2])
	}
	return string(f.text[start:end])
}

// nearText returns the token that is in the way, cut to its line.
func nearText(near string) string {
	line, _, _ := strings.Cut(near, "\n")
	if len(line) == 1 {
		line = "'" + line + "'"
	}
	return shorten(line)
}

// instead returns what the author of a token that is not JSON meant.
func instead(near string) string {
	plain := strings.Trim(near, "'`‘’“”")
	switch strings.ToLower(plain) {
	case "true", "false", "null":
		return strings.ToLower(plain)
	case "none", "nil", "undefined":
		return "null"
	}
	switch {
	case plain != near, plain != "" && unicode.IsLetter(rune(plain[0])):
		return shorten(quote(plain))
	case strings.HasPrefix(near, `"`) && strings.Contains(near, `\`):
		return shorten(strings.ReplaceAll(strings.ReplaceAll(near, `\\`, `\`), `\`, `\\`))
	}
	return ""
}
