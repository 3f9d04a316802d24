package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/loaders"
	"github.com/nikolalohinski/gonja/v2/parser"
)

// A chat template is a program that came with a model, so it gets no way to files
// (include, import, extends) and nothing that no chat template has. That leaves time
// and memory, which renderer.go bounds.

// tags are what a chat template may use.
var tags = []string{"for", "if", "set", "macro", "call", "filter", "raw", "with", "do", "break", "continue"}

// maxPrompt bounds what a template writes, in bytes.
const maxPrompt = 16 << 20

var jinja = environment()

func environment() *exec.Environment {
	known := map[string]parser.ControlStructureParser{}
	for _, tag := range tags {
		known[tag], _ = builtins.ControlStructures.Get(tag)
	}
	known["generation"] = generation
	functions := map[string]any{
		"namespace":       function("namespace"),
		"dict":            function("dict"),
		"joiner":          function("joiner"),
		"cycler":          function("cycler"),
		"range":           numbers,
		"raise_exception": func(text string) (any, error) { return nil, raised(text) },
		"strftime_now":    func(format string) string { return strftime(time.Now(), format) },
	}
	filters := exec.NewFilterSet(map[string]exec.FilterFunction{}).Update(builtins.Filters)
	_ = filters.Replace("tojson", toJSON) // it is there
	return &exec.Environment{
		Context:           exec.NewContext(functions),
		Filters:           filters,
		Tests:             builtins.Tests,
		ControlStructures: exec.NewControlStructureSet(known),
		Methods:           methods(),
	}
}

func function(name string) any {
	f, _ := builtins.GlobalFunctions.Get(name)
	return f
}

// raised is what a template itself says of a conversation that it cannot write.
type raised string

func (r raised) Error() string { return string(r) }

// maxNumbers bounds range(), whose numbers are all made at once.
const maxNumbers = 100_000

func numbers(params *exec.VarArgs) (any, error) {
	var n []int
	for _, arg := range params.Args {
		if !arg.IsInteger() {
			return nil, errors.New("range() takes whole numbers")
		}
		n = append(n, arg.Integer())
	}
	start, stop, step := 0, 0, 1
	switch len(n) {
	case 1:
		stop = n[0]
	case 2:
		start, stop = n[0], n[1]
	case 3:
		start, stop, step = n[0], n[1], n[2]
	default:
		return nil, errors.New("range() takes one to three numbers")
	}
	list := []any{}
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if list = append(list, i); len(list) > maxNumbers {
			return nil, fmt.Errorf("range() makes more than %d numbers", maxNumbers)
		}
	}
	return list, nil
}

// toJSON writes a value as Hugging Face's templates expect it: Python's json.dumps with
// its spaces, texts as they are, the members of an object in their order by name.
func toJSON(_ *exec.Evaluator, in *exec.Value, params *exec.VarArgs) *exec.Value {
	if in.IsError() {
		return in
	}
	indent := ""
	if v, ok := params.KwArgs["indent"]; ok && v.IsInteger() {
		indent = strings.Repeat(" ", max(0, min(v.Integer(), 16)))
	}
	simple := in.ToGoSimpleType(false)
	if err, ok := simple.(error); ok {
		return exec.AsValue(err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(simple); err != nil {
		return exec.AsValue(err)
	}
	text := strings.TrimSuffix(b.String(), "\n")
	if indent == "" {
		text = spaced(text)
	}
	return exec.AsSafeValue(text)
}

// spaced puts a space behind each comma and colon outside of texts.
func spaced(text string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		b.WriteByte(text[i])
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
			b.WriteByte(text[i])
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == ':'):
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// compile reads a template with the options of Hugging Face's tokenizers.
func compile(source string) (*exec.Template, error) {
	options := config.New()
	options.TrimBlocks, options.LeftStripBlocks = true, true
	loader, err := loaders.NewMemoryLoader(map[string]string{"/chat": source})
	if err != nil {
		return nil, err
	}
	t, err := exec.NewTemplate("/chat", options, loader, jinja)
	if err != nil { // the error has the whole source in it
		if inner := errors.Unwrap(err); inner != nil {
			err = inner
		}
	}
	return t, err
}

// write renders a template.
func write(t *exec.Template, values map[string]any) (string, error) {
	out := &bounded{}
	if err := t.Execute(out, exec.NewContext(values)); err != nil {
		var own raised
		if errors.As(err, &own) {
			err = own
		}
		return "", err
	}
	return out.String(), nil
}

// bounded takes no more than maxPrompt bytes.
type bounded struct{ strings.Builder }

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) { return b.WriteString(string(p)) }

// WriteString implements io.StringWriter.
func (b *bounded) WriteString(s string) (int, error) {
	if b.Len()+len(s) > maxPrompt {
		return 0, fmt.Errorf("it writes more than %d MiB", maxPrompt>>20)
	}
	return b.Builder.WriteString(s)
}

var _ io.StringWriter = (*bounded)(nil)

// strftime knows what templates write dates with.
func strftime(t time.Time, format string) string {
	return strings.NewReplacer(
		"%Y", t.Format("2006"), "%y", t.Format("06"), "%m", t.Format("01"), "%d", t.Format("02"), "%e", t.Format("_2"),
		"%B", t.Format("January"), "%b", t.Format("Jan"), "%A", t.Format("Monday"), "%a", t.Format("Mon"),
		"%H", t.Format("15"), "%I", t.Format("03"), "%M", t.Format("04"), "%S", t.Format("05"), "%p", t.Format("PM"),
		"%-d", t.Format("2"), "%-m", t.Format("1"), "%F", t.Format("2006-01-02"), "%T", t.Format("15:04:05"), "%%", "%",
	).Replace(format)
}
