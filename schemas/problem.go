package schemas

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxProblems is how many problems of one file are reported: who has more
// mends the first ones and looks again.
const maxProblems = 10

// maxGot is the length, in characters, to which a wrong value is cut.
const maxGot = 60

// A Problem is one thing in a file that is wrong, or that is probably not what
// its author meant, and where it stands.
type Problem struct {
	File         string // as given to Parse; empty for a value that came from no file
	Line, Column int    // counted from 1, in characters; 0 where the place is not known
	Pointer      string // JSON pointer of the value, as the file spells it; "" is the whole file
	Expected     string // what would be right: "an integer ≥ 1"
	Got          string // what is there, at most 60 characters; a secret is never shown
	Suggestion   string // what to write instead, literally; often empty
}

// Error returns one line:
//
//	models/x/model.json:7:14: /settings/ctx_len: expected an integer ≥ 1, got "many"
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.where())
	fmt.Fprintf(&b, "expected %s, got %s", p.Expected, p.Got)
	if p.Suggestion != "" {
		fmt.Fprintf(&b, "; did you mean %s?", p.Suggestion)
	}
	return b.String()
}

// where returns "file:line:column: pointer: " as far as they are known.
func (p Problem) where() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		if p.File != "" {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%d:%d", p.Line, p.Column)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	if p.Pointer != "" {
		b.WriteString(printable(p.Pointer) + ": ")
	}
	return b.String()
}

// Problems are the problems of one file, in the order of the file. Use Err to
// hand them on as an error.
type Problems []Problem

// Error returns one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// Err returns the problems as an error, and nil where there are none.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// first sorts the problems by place, drops repetitions and keeps the first ten.
func (p Problems) first() Problems {
	slices.SortFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Expected, b.Expected))
	})
	p = slices.Compact(p)
	return p[:min(len(p), maxProblems)]
}

// show returns value as a person would name it: scalars as JSON, the others by
// their kind.
func show(value any) string {
	switch v := value.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	case json.Number:
		return shorten(v.String())
	case string:
		return shorten(quote(v))
	default:
		return shorten(fmt.Sprint(orNull(v)))
	}
}

// orNull spells nil as JSON does.
func orNull(value any) any {
	if value == nil {
		return "null"
	}
	return value
}

// quote returns s as a JSON string, leaving <, > and & as they are.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return fmt.Sprintf("%q", s)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// shorten cuts s to what fits into a message.
func shorten(s string) string {
	runes := []rune(printable(s))
	if len(runes) <= maxGot {
		return string(runes)
	}
	return string(runes[:maxGot-1]) + "…"
}

// printable replaces what could forge or garble a line of a log or terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}
