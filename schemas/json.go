package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/tailscale/hujson"
)

// Parse reads a JSON file as people write it: with comments, trailing commas, a
// byte order mark, or without the outermost braces; the last, and an empty
// file, is a warning. What is not read: missing commas and colons, single
// quotes, a key that is given twice, anything but an object, more than 1 MiB,
// more than 64 levels, more than 10,000 entries in one place. The error is then
// [Problems], which says where and what was expected.
func Parse(name string, data []byte) (*Document, error) { return parse(name, data, maxFile) }

func parse(name string, data []byte, most int) (*Document, error) {
	f := newJSONFile(name, data)
	f.most = most
	if p := f.unreadable(); p != nil {
		return nil, Problems{*p}
	}
	first, end := token(f.text, 0)
	colon, _ := token(f.text, end)
	switch {
	case first == len(f.text):
		p := f.problem(0, "an object", "an empty file")
		p.Suggestion = "{}"
		return emptyDocument(name, p), nil
	case f.text[first] == '"' && colon < len(f.text) && f.text[colon] == ':':
		doc, err := f.document([]byte("{"), []byte("}"))
		if err != nil {
			return nil, err
		}
		p := f.problem(first, "'{' before the first name and '}' at the end", shorten(string(f.text[first:end])))
		doc.Warnings = append(Problems{p}, doc.Warnings...)
		return doc, nil
	}
	return f.document(nil, nil)
}

// emptyDocument is the document of a file with nothing in it: a model without
// any property is legal, so that an empty file counts as {}.
func emptyDocument(name string, warning Problem) *Document {
	return &Document{Name: name, Value: map[string]any{}, Warnings: Problems{warning}, root: &node{at: place{1, 1}}}
}

// A jsonFile is the text of a file on its way to a Document.
type jsonFile struct {
	name string
	text []byte // without byte order mark; ends with a line end, which hujson wants after a comment
	most int    // bytes that are read
}

func newJSONFile(name string, data []byte) jsonFile {
	text := bytes.TrimPrefix(data, []byte("\uFEFF"))
	return jsonFile{name: name, text: append(bytes.Clone(text), '\n'), most: maxFile}
}

// unreadable returns what stands against parsing the text at all.
func (f jsonFile) unreadable() *Problem {
	if p := tooLarge(f.name, len(f.text)-1, f.most); p != nil {
		return p
	}
	if !utf8.Valid(f.text) {
		bad := 0
		for r, size := utf8.DecodeRune(f.text); r != utf8.RuneError || size > 1; r, size = utf8.DecodeRune(f.text[bad:]) {
			bad += size
		}
		p := f.problem(bad, "UTF-8 text", fmt.Sprintf("the byte 0x%02x", f.text[bad]))
		return &p
	}
	if at := tooDeep(f.text); at >= 0 {
		p := f.problem(at, fmt.Sprintf("at most %d levels", maxDepth), "one more")
		return &p
	}
	return nil
}

// tooLarge refuses files that are larger than any person writes.
func tooLarge(name string, size, most int) *Problem {
	if size <= most {
		return nil
	}
	return &Problem{File: name, Expected: fmt.Sprintf("at most %d bytes", most), Got: strconv.Itoa(size)}
}

// document parses the text between head and tail.
func (f jsonFile) document(head, tail []byte) (*Document, error) {
	text := bytes.Join([][]byte{head, f.text, tail}, nil)
	value, err := hujson.Parse(text)
	if err != nil {
		return nil, Problems{f.syntax(err, len(head))}
	}
	b := jsonBuilder{file: f, shift: len(head), cursor: cursor{text: f.text, place: place{1, 1}}}
	root, err := b.node(value)
	if err != nil {
		return nil, err
	}
	doc, err := newDocument(f.name, root)
	if err == nil && !value.IsStandard() {
		doc.Warnings = f.relaxed(text, len(head))
	}
	return doc, err
}

// relaxed warns of the first comment and of the first comma too many: other
// programs do not read such a file. hujson replaces both by spaces, so that all
// else stays in its place.
func (f jsonFile) relaxed(text []byte, shift int) Problems {
	plain, err := hujson.Standardize(bytes.Clone(text))
	if err != nil {
		return nil
	}
	var warnings Problems
	warned := map[byte]bool{}
	for i := 0; i < len(text); i++ {
		if text[i] == plain[i] {
			continue
		}
		sign, got, at := text[i], "a comma before the end", i
		if sign == '/' {
			got = "a comment"
			i += commentLength(text[i:]) - 1
		}
		if !warned[sign] {
			warned[sign] = true
			warnings = append(warnings, f.problem(at-shift, "plain JSON", got))
		}
	}
	return warnings
}

// commentLength is that of the comment that text begins with.
func commentLength(text []byte) int {
	end, extra := []byte("*/"), 2
	if text[1] == '/' {
		end, extra = []byte("\n"), 0
	}
	if at := bytes.Index(text[2:], end); at >= 0 {
		return 2 + at + extra
	}
	return len(text)
}

// newDocument checks what holds for both syntaxes: the file is an object, and
// nothing in it is too large.
func newDocument(name string, root *node) (*Document, error) {
	value, ok := root.value.(map[string]any)
	if !ok {
		p := Problem{File: name, Line: root.at.line, Column: root.at.column, Expected: "an object", Got: show(root.value)}
		return nil, Problems{p}
	}
	doc := &Document{Name: name, Value: value, root: root}
	if p := bounds(value, 1); p != nil {
		return nil, doc.Locate(Problems{*p})
	}
	return doc, nil
}

// A jsonBuilder turns what hujson has parsed into nodes.
type jsonBuilder struct {
	file   jsonFile
	shift  int // bytes that were put before the text
	cursor cursor
}

func (b *jsonBuilder) node(v hujson.Value) (*node, error) {
	n := &node{at: b.cursor.to(v.StartOffset - b.shift)}
	var err error
	switch v := v.Value.(type) {
	case *hujson.Object:
		err = b.object(n, v)
	case *hujson.Array:
		err = b.array(n, v)
	case hujson.Literal:
		n.value, err = literal(v)
	}
	return n, err
}

func (b *jsonBuilder) object(n *node, o *hujson.Object) error {
	value := make(map[string]any, len(o.Members))
	n.value, n.members = value, make(map[string]*node, len(o.Members))
	for _, member := range o.Members {
		offset := member.Name.StartOffset - b.shift
		at := b.cursor.to(offset)
		name, err := literal(member.Name.Value.(hujson.Literal))
		if err != nil {
			return err
		}
		key := name.(string) // hujson has refused every other name
		if first, ok := n.members[key]; ok {
			return Problems{duplicate(b.file.name, at, key, first)}
		}
		child, err := b.node(member.Value)
		if err != nil {
			return err
		}
		child.name = at
		n.members[key], value[key] = child, child.value
	}
	return nil
}

func (b *jsonBuilder) array(n *node, a *hujson.Array) error {
	value := make([]any, len(a.Elements))
	n.value, n.items = value, make([]*node, len(a.Elements))
	for i, element := range a.Elements {
		item, err := b.node(element)
		if err != nil {
			return err
		}
		n.items[i], value[i] = item, item.value
	}
	return nil
}

// duplicate is the problem of a key that is given again: the readers of a file
// would not agree on which of the two counts.
func duplicate(file string, at place, key string, first *node) Problem {
	return Problem{File: file, Line: at.line, Column: at.column,
		Expected: fmt.Sprintf("%s once, as in line %d", shorten(quote(key)), first.name.line), Got: "it again"}
}

// literal returns a string, json.Number, bool or nil.
func literal(l hujson.Literal) (any, error) {
	if l[0] == '-' || '0' <= l[0] && l[0] <= '9' {
		return json.Number(l), nil // hujson has checked that it is one
	}
	switch {
	case l[0] == '"' && bytes.IndexByte(l, '\\') < 0:
		return string(l[1 : len(l)-1]), nil // likewise, and that the file is UTF-8
	case l[0] == 't', l[0] == 'f':
		return l[0] == 't', nil
	case l[0] == 'n':
		return nil, nil
	}
	var value any
	if err := json.Unmarshal(l, &value); err != nil {
		return nil, fmt.Errorf("read %s: %w", shorten(string(l)), err)
	}
	return value, nil
}
