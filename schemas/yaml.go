package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// ParseYAML reads a YAML file, such as a model.yml, into the same kind of
// Document as [Parse] and within the same bounds. Anchors, aliases, merge keys,
// tags of one's own and a second document are refused: a file must be readable
// as it stands. The error is [Problems].
func ParseYAML(name string, data []byte) (doc *Document, err error) {
	if p := tooLarge(name, len(data), maxFile); p != nil {
		return nil, Problems{*p}
	}
	defer func() {
		if r := recover(); r != nil {
			doc, err = nil, Problems{{File: name, Expected: "YAML", Got: shorten(fmt.Sprint(r))}}
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	if err := dec.Decode(&first); errors.Is(err, io.EOF) {
		return emptyYAML(name), nil
	} else if err != nil {
		return nil, Problems{yamlSyntax(name, err)}
	}
	b := yamlBuilder{name}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, Problems{b.problem(&second, "one document", "another one")}
	}
	root, err := b.node(first.Content[0], 1)
	switch {
	case err != nil:
		return nil, err
	case root.value == nil:
		return emptyYAML(name), nil
	}
	return newDocument(name, root)
}

func emptyYAML(name string) *Document {
	return emptyDocument(name, Problem{File: name, Line: 1, Column: 1, Expected: "keys", Got: "an empty file"})
}

// yamlSyntax finds the line in the text of the parser's error.
func yamlSyntax(name string, err error) Problem {
	p := Problem{File: name, Expected: "YAML", Got: shorten(err.Error())}
	if _, scan := fmt.Sscanf(err.Error(), "yaml: line %d:", &p.Line); scan == nil {
		p.Column = 1
	}
	return p
}

// A yamlBuilder turns YAML nodes into ours.
type yamlBuilder struct{ file string }

func (b yamlBuilder) problem(y *yaml.Node, expected, got string) Problem {
	return Problem{File: b.file, Line: y.Line, Column: y.Column, Expected: expected, Got: got}
}

func (b yamlBuilder) node(y *yaml.Node, depth int) (*node, error) {
	switch {
	case depth > maxDepth:
		return nil, Problems{b.problem(y, fmt.Sprintf("at most %d levels", maxDepth), "one more")}
	case y.Kind == yaml.AliasNode || y.Anchor != "":
		return nil, Problems{b.problem(y, "a value that is written out", "an anchor or alias")}
	}
	n := &node{at: place{y.Line, y.Column}}
	var err error
	switch y.Kind {
	case yaml.MappingNode:
		err = b.mapping(n, y, depth)
	case yaml.SequenceNode:
		err = b.sequence(n, y, depth)
	default:
		n.value, err = b.scalar(y)
	}
	return n, err
}

func (b yamlBuilder) mapping(n *node, y *yaml.Node, depth int) error {
	value := make(map[string]any, len(y.Content)/2)
	n.value, n.members = value, make(map[string]*node, len(y.Content)/2)
	for i := 0; i < len(y.Content); i += 2 {
		key := y.Content[i]
		at := place{key.Line, key.Column}
		if key.Kind != yaml.ScalarNode || key.Anchor != "" || key.ShortTag() == "!!merge" {
			return Problems{b.problem(key, "a plain name", "something else")}
		}
		if first, ok := n.members[key.Value]; ok {
			return Problems{duplicate(b.file, at, key.Value, first)}
		}
		child, err := b.node(y.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		child.name = at
		n.members[key.Value], value[key.Value] = child, child.value
	}
	return nil
}

func (b yamlBuilder) sequence(n *node, y *yaml.Node, depth int) error {
	value := make([]any, len(y.Content))
	n.value, n.items = value, make([]*node, len(y.Content))
	for i, element := range y.Content {
		item, err := b.node(element, depth+1)
		if err != nil {
			return err
		}
		n.items[i], value[i] = item, item.value
	}
	return nil
}

// scalar returns a value as JSON knows it. A number keeps its text where JSON
// could have written it so.
func (b yamlBuilder) scalar(y *yaml.Node) (any, error) {
	switch y.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!str", "!!timestamp":
		return y.Value, nil
	case "!!bool":
		var truth bool
		err := y.Decode(&truth)
		return truth, err
	case "!!int", "!!float":
		if json.Valid([]byte(y.Value)) {
			return json.Number(y.Value), nil
		}
		var number float64
		if err := y.Decode(&number); err == nil && !math.IsInf(number, 0) && !math.IsNaN(number) {
			return json.Number(strconv.FormatFloat(number, 'f', -1, 64)), nil
		}
	}
	return nil, Problems{b.problem(y, "a string, a number, true, false or null", shorten(y.ShortTag()+" "+y.Value))}
}
