package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/tailscale/hujson"
)

// A Change is one value of a file that becomes another.
type Change struct {
	Path   []string // the names on the way to it; what is not there yet is made
	Value  any      // as Parse makes values
	Remove bool     // it goes, where it is there
}

// Edit returns the text of a JSON file with changes. Everything else stays as it
// was written: the order, comments, numbers, and keys that nobody knows. Lines are
// broken and indented anew, by two spaces. An error is what [Parse] says of the
// text, or names a change that cannot be made.
func Edit(name string, text []byte, changes ...Change) ([]byte, error) {
	doc, err := Parse(name, text)
	if err != nil {
		return nil, err
	}
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\uFEFF")))
	if first, _ := token(text, 0); first == len(text) || text[first] != '{' { // without the outer braces
		text = append(append([]byte("{\n"), text...), "\n}"...)
	}
	value, err := hujson.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, c := range changes {
		patch, err := c.patch(doc.Value)
		if err == nil && patch != nil {
			err = value.Patch(patch)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, Pointer(c.Path...), err)
		}
		if doc, err = Parse(name, value.Pack()); err != nil {
			return nil, err
		}
	}
	return indented(value)
}

// patch is the change as a JSON patch (RFC 6902) of what the file holds; nil where
// there is nothing to do.
func (c Change) patch(content map[string]any) ([]byte, error) {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	if _, there := Lookup(content, Pointer(c.Path...)); c.Remove {
		if !there {
			return nil, nil
		}
		return plainText([]operation{{"remove", Pointer(c.Path...), nil}})
	}
	var all []operation
	for i := 1; i < len(c.Path); i++ {
		switch above, _ := Lookup(content, Pointer(c.Path[:i]...)); above.(type) {
		case map[string]any:
		case nil: // it is not there, or null
			all = append(all, operation{"add", Pointer(c.Path[:i]...), map[string]any{}})
		default:
			return nil, fmt.Errorf("%s is %s, which has no members", Pointer(c.Path[:i]...), show(above))
		}
	}
	return plainText(append(all, operation{"add", Pointer(c.Path...), c.Value})) // over one that is there
}

// indented is a value as a file has it.
func indented(v hujson.Value) ([]byte, error) {
	var out bytes.Buffer
	if v.IsStandard() {
		if err := json.Indent(&out, bytes.TrimSpace(v.Pack()), "", "  "); err != nil {
			return nil, err
		}
		return shortLists(append(out.Bytes(), '\n')), nil
	}
	v.Format()
	for line := range strings.Lines(v.String()) {
		text := strings.TrimLeft(line, "\t")
		out.WriteString(strings.Repeat("  ", len(line)-len(text)) + text)
	}
	return out.Bytes(), nil
}

// shortList is a list of plain values that json.Indent has spread over lines.
var shortList = regexp.MustCompile(`\[\n\s+([^][{}"\n]|"(\\.|[^"\\\n])*"|,\n\s+)+\n\s+\]`)

// shortLists are those of a text in one line each, where they fit.
func shortLists(text []byte) []byte {
	return shortList.ReplaceAllFunc(text, func(list []byte) []byte {
		var items []string
		for line := range strings.Lines(string(list)) {
			items = append(items, strings.TrimSpace(line))
		}
		if line := items[0] + strings.Join(items[1:len(items)-1], " ") + "]"; len(line) <= maxGot {
			return []byte(line)
		}
		return list
	})
}

func plainText(v any) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return text.Bytes(), err
}
