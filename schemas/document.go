package schemas

import (
	"slices"
	"strconv"
)

// A Document is one file, read once: what is validated is what is used.
type Document struct {
	// Name is the name of the file, for messages.
	Name string
	// Value is the content. Numbers are json.Number, so that what nobody
	// understands can be written back as it was read.
	Value map[string]any
	// Warnings are what was read although it is not right.
	Warnings Problems

	root *node
}

// A node is one value of a file, with the places where its name and the value
// itself begin.
type node struct {
	name, at place
	value    any
	members  map[string]*node
	items    []*node
}

// A place is a line and a column, counted from 1, in characters.
type place struct{ line, column int }

// Place returns line and column of the value that pointer names, or of the
// nearest value above it that the file has.
func (d *Document) Place(pointer string) (line, column int) {
	at := d.find(pointer).at
	return at.line, at.column
}

// find returns the node that pointer names, or the nearest one above it.
func (d *Document) find(pointer string) *node {
	n := d.root
	for _, name := range SplitPointer(pointer) {
		next := n.members[name]
		if i, err := strconv.Atoi(name); next == nil && err == nil && i >= 0 && i < len(n.items) {
			next = n.items[i]
		}
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

// Locate fills in file and place of problems that have a pointer, and returns
// them in the order of the file.
func (d *Document) Locate(problems Problems) Problems {
	located := slices.Clone(problems)
	for i := range located {
		p := &located[i]
		p.File = d.Name
		p.Line, p.Column = d.Place(p.Pointer)
		if n := d.find(p.Pointer); p.Expected == knownKey && n.name.line > 0 {
			p.Line, p.Column = n.name.line, n.name.column
		}
	}
	return located.first()
}

// Validate returns what s finds wrong in the document.
func (d *Document) Validate(s *Schema) Problems { return d.Locate(s.Validate(d.Value)) }

// Hints returns the keys that s does not know but that look like one it knows.
// Such keys are legal, and kept.
func (d *Document) Hints(s *Schema) Problems { return d.Locate(s.Hints(d.Value)) }

// IsFlatDeployment tells whether the document has the older form of a file in
// engines/, the bare settings: {"ctx_len": 2048, "ngl": 100}.
func IsFlatDeployment(d *Document) bool {
	known := Deployment().Properties()
	for name := range d.Value {
		if slices.Contains(known, name) {
			return false
		}
	}
	return len(d.Value) > 0
}
