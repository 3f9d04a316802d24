package schemas

import (
	"maps"
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
	problem := Problem{Pointer: pointer, Expected: sub.expect(keyword(invalid)), Got: show(value)}
	switch {
	case sub.secret():
		problem.Got = "something else (not shown)"
	case keyword(invalid) == "oneOf" && object != nil && len(sub.choice()) > 0:
		problem.Got, problem.Suggestion = sub.chosen(object)
	}
	return Problems{problem}
}

// choice returns the keys of which an object is to have exactly one: those that the
// alternatives of oneOf require, where they do nothing else.
func (s subschema) choice() (names []string) {
	alternatives, _ := s.here["oneOf"].([]any)
	for _, alternative := range alternatives {
		sub, _ := s.in(alternative)
		required, _ := sub.here["required"].([]any)
		if len(sub.here) != 1 || len(required) != 1 {
			return nil
		}
		names = append(names, stringsOf(required)...)
	}
	return names
}

// chosen says what an object has in the place of one key of a choice: several of
// them, or none, and what was probably meant.
func (s subschema) chosen(object map[string]any) (got, suggestion string) {
	given := slices.Sorted(maps.Keys(object))
	both := slices.DeleteFunc(s.choice(), func(name string) bool { return !slices.Contains(given, name) })
	switch {
	case len(both) > 0:
		return "one with both " + quoted(both), ""
	case len(given) == 0:
		return "an empty object", ""
	}
	for _, name := range given {
		if near := nearest(name, s.choice()); near != "" && !s.knows(name) {
			return "one with " + quoted([]string{name}), near
		}
	}
	return "one with " + quoted(given), ""
}

// quoted is a list of keys, in words.
func quoted(names []string) string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = quote(name)
	}
	return shorten(strings.Join(texts, " and "))
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
