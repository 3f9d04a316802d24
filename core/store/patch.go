package store

import (
	"encoding/json"
	"slices"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// Patch returns m changed by a merge patch (RFC 7386) of its canonical form: null
// takes a value away, objects are joined, all else replaces what was there. What
// [Redacted] hid and the patch repeats stays as it is. The error is
// [schemas.Problems]: what the schema refuses, and an older name of a value beside
// its present one.
func Patch(m sdk.Manifest, patch map[string]any) (sdk.Manifest, error) {
	text, err := writeManifest(m)
	if err != nil {
		return m, err
	}
	var whole map[string]any
	if err := schemas.Unmarshal(text, &whole); err != nil {
		return m, err
	}
	if text, err = json.Marshal(merge(whole, patch)); err != nil {
		return m, err
	}
	doc, err := schemas.Parse("", text)
	if err != nil {
		return m, Unplaced(err)
	}
	patched, warnings, err := ReadManifest(doc)
	if err != nil {
		return m, Unplaced(err)
	}
	twice := slices.DeleteFunc(warnings, func(p schemas.Problem) bool { return p.Got != anotherValue })
	return patched, Unplaced(twice.Err())
}

// merge applies a merge patch (RFC 7386) to target, which it changes and returns.
func merge(target, patch map[string]any) map[string]any {
	for name, value := range patch {
		members, isObject := value.(map[string]any)
		switch {
		case value == nil:
			delete(target, name)
		case value == Hidden && isSecret(name):
		case isObject:
			there, _ := target[name].(map[string]any)
			if there == nil {
				there = map[string]any{}
			}
			target[name] = merge(there, members)
		default:
			target[name] = value
		}
	}
	return target
}
