package schemas

import (
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// A finding turns what the validator says about a value into problems in our
// own words: the validator's texts may contain the value itself.
type finding struct {
	schema subschema
	value  any
}

// problems returns one problem for every leaf of invalid. What several
// alternatives say is one problem.
func (f finding) problems(invalid *jsonschema.ValidationError) Problems {
	alternatives := slices.Contains([]string{"anyOf", "oneOf", "not"}, keyword(invalid))
	if len(invalid.Causes) == 0 || alternatives {
		return f.explain(invalid)
	}
	var all Problems
	for _, cause := range invalid.Causes {
		all = append(all, f.problems(cause)...)
	}
	return all
}

// keyword returns the keyword that is not satisfied.
func keyword(invalid *jsonschema.ValidationError) string {
	return invalid.KeywordLocation[strings.LastIndexByte(invalid.KeywordLocation, '/')+1:]
}

// explain returns the problems of one keyword: one for each key that is missing
// or too many, otherwise one.
func (f finding) explain(invalid *jsonschema.ValidationError) Problems {
	pointer := unescaped(invalid.InstanceLocation)
	value, _ := Lookup(f.value, pointer)
	sub := f.subschema(invalid)
	object, _ := value.(map[string]any)
	switch keyword(invalid) {
	case "required":
		return missing(pointer, sub, object)
	case "additionalProperties":
		return surplus(pointer, sub, object)
	}
	got := show(value)
	if sub.secret() {
		got = "something else (not shown)"
	}
	return Problems{{Pointer: pointer, Expected: sub.expect(keyword(invalid)), Got: got}}
}

// subschema returns the schema object that the failing keyword stands in. It is
// empty where the schema has parts with an $id of their own.
func (f finding) subschema(invalid *jsonschema.ValidationError) subschema {
	_, location, _ := strings.Cut(invalid.AbsoluteKeywordLocation, "#")
	location = unescaped(strings.TrimSuffix(location, "/"+keyword(invalid)))
	here, _ := Lookup(f.schema.root, location)
	sub, _ := f.schema.in(here)
	return sub
}

// unescaped undoes the percent signs that the validator puts into its JSON
// pointers.
func unescaped(pointer string) string {
	plain, err := url.PathUnescape(pointer)
	if err != nil {
		return pointer
	}
	return plain
}

func missing(pointer string, sub subschema, object map[string]any) Problems {
	var all Problems
	required, _ := sub.here["required"].([]any)
	for _, name := range stringsOf(required) {
		if _, ok := object[name]; !ok {
			all = append(all, Problem{Pointer: pointer, Expected: "the key " + quote(name), Got: "none"})
		}
	}
	return all
}

func surplus(pointer string, sub subschema, object map[string]any) Problems {
	var all Problems
	known := sub.names()
	for name := range object {
		if !slices.Contains(known, name) {
			all = append(all, unknown(pointer+Pointer(name), name, nearest(name, known)))
		}
	}
	return all
}
