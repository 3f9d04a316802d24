package store

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/enginebay/enginebay/schemas"
)

// A draft is a model file on its way to the canonical form. Values move to
// their new homes, and the draft remembers where in the file each came from.
type draft struct {
	doc      *schemas.Document
	root     map[string]any
	sources  []part            // the sources, until they are settled
	origin   map[string]string // pointer of what was moved -> its pointer in the file
	warnings schemas.Problems  // with pointers of the file
}

// anotherValue is what is got where a value is given twice, under two names.
const anotherValue = "another value beside it"

// newDraft returns a draft of its own copy of the document.
func newDraft(doc *schemas.Document) *draft {
	return &draft{doc: doc, root: schemas.Model().Coerce(doc.Value), origin: map[string]string{}}
}

// object returns the object that path leads to, and nil where there is none.
func (d *draft) object(path []string) map[string]any {
	object := d.root
	for _, name := range path {
		object, _ = object[name].(map[string]any)
	}
	return object
}

// at returns the value that pointer names; nil where there is none.
func (d *draft) at(pointer string) any {
	value, _ := schemas.Lookup(d.root, pointer)
	return value
}

// remove takes away the value that pointer names.
func (d *draft) remove(pointer string) {
	path := schemas.SplitPointer(pointer)
	last := len(path) - 1
	delete(d.object(path[:last]), path[last])
}

// set puts a value where pointer says, in an object that is made where it is
// missing. It does nothing where something else than an object is in the way.
func (d *draft) set(pointer string, value any) {
	path := schemas.SplitPointer(pointer)
	last := len(path) - 1
	for i := range last {
		if parent := d.object(path[:i]); parent != nil && parent[path[i]] == nil {
			parent[path[i]] = map[string]any{}
		}
	}
	if parent := d.object(path[:last]); parent != nil {
		parent[path[last]] = value
	}
}

// move takes the value at from to its new home. Objects are joined there, key
// by key. A value that is there already counts more; it is the newer spelling.
func (d *draft) move(from, to string) {
	value, there := schemas.Lookup(d.root, from)
	if !there { // nearly always, and there are many older homes
		return
	}
	d.remove(from)
	d.join(value, from, to)
}

func (d *draft) join(value any, from, to string) {
	there := d.at(to)
	members, isObject := value.(map[string]any)
	_, thereToo := there.(map[string]any)
	switch {
	case value == nil:
	case isObject && (thereToo || there == nil):
		for name, member := range members {
			d.join(member, from+schemas.Pointer(name), to+schemas.Pointer(name))
		}
	case there == nil:
		d.set(to, value)
		d.origin[to] = d.inFile(from)
	case !reflect.DeepEqual(there, value):
		d.warn(from, fmt.Sprintf("only %s, which counts", d.inFile(to)), anotherValue)
	}
}

// warn adds a warning about what pointer names in the draft.
func (d *draft) warn(pointer, expected, got string) {
	d.warnings = append(d.warnings, schemas.Problem{Pointer: d.inFile(pointer), Expected: expected, Got: got})
}

// inFile returns the pointer in the file of what pointer names in the draft.
func (d *draft) inFile(pointer string) string {
	for above := pointer; above != ""; above = above[:strings.LastIndexByte(above, '/')] {
		if from, ok := d.origin[above]; ok {
			return from + pointer[len(above):]
		}
	}
	return pointer
}

// locate gives problems of the draft their places in the file.
func (d *draft) locate(problems schemas.Problems) schemas.Problems {
	for i, p := range problems {
		problems[i].Pointer = d.inFile(p.Pointer)
	}
	return d.doc.Locate(problems)
}
