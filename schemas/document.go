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
	n, _ := d.find(pointer)
	return n.at.line, n.at.column
}

// find returns the node that pointer names, or the nearest one above it, and
// the pointer of what it found.
func (d *Document) find(pointer string) (*node, string) {
	n := d.root
	path := SplitPointer(pointer)
	for depth, name := range path {
		next := n.members[name]
		if i, err := strconv.Atoi(name); next == nil && err == nil && i >= 0 && i < len(n.items) {
			next = n.items[i]
		}
		if next == nil {
			return n, Pointer(path[:depth]...)
		}
		n = next
	}
	return n, pointer
}

// Locate fills in file and place of problems that have a pointer, and returns
// the first ten in the order of the file. A pointer to what the file does not
// have is cut to the nearest value above it.
func (d *Document) Locate(problems Problems) Problems {
	located := slices.Clone(problems)
	for i := range located {
		p := &located[i]
		n, pointer := d.find(p.Pointer)
		at := n.at
		if p.Expected == knownKey && n.name.line > 0 {
			at = n.name
		}
		p.File, p.Pointer, p.Line, p.Column = d.Name, pointer, at.line, at.column
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
