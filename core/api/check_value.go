package api

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// A check returns what is wrong with a value, or nil; at is where the value stands
// in the body, such as "messages[0].role".
type check func(at string, v gjson.Result) error

// anything bounds a number that has no bound.
const anything = math.MaxFloat64

func missing(at string) error {
	return fault(http.StatusBadRequest, fmt.Sprintf("Missing required parameter: '%s'", at), at, "missing_required_parameter")
}

// wrongType says what was expected, "a string", and what there is.
func wrongType(at, expected string, v gjson.Result) error {
	return fault(http.StatusBadRequest, fmt.Sprintf("Invalid type for '%s': expected %s, but got %s instead", at, expected, kindOf(v)), at, "invalid_type")
}

func wrongValue(at, code, format string, args ...any) error {
	return fault(http.StatusBadRequest, fmt.Sprintf("Invalid '%s': ", at)+fmt.Sprintf(format, args...), at, code)
}

func kindOf(v gjson.Result) string {
	switch {
	case v.IsArray():
		return "an array"
	case v.IsObject():
		return "an object"
	case v.IsBool():
		return "a boolean"
	case v.Type == gjson.String:
		return "a string"
	case v.Type == gjson.Null:
		return "null"
	case v.Num == math.Trunc(v.Num):
		return "an integer"
	}
	return "a decimal number"
}

// lookup finds a member of an object, by its plain name. gjson's own Get reads a
// name as a path, which takes as long again as finding it.
func lookup(v gjson.Result, name string) (found gjson.Result) {
	v.ForEach(func(key, value gjson.Result) bool {
		if key.Str == name {
			found = value
		}
		return !found.Exists()
	})
	return found
}

func boolean(at string, v gjson.Result) error {
	if !v.IsBool() {
		return wrongType(at, "a boolean", v)
	}
	return nil
}

func text(at string, v gjson.Result) error {
	if v.Type != gjson.String {
		return wrongType(at, "a string", v)
	}
	return nil
}

func object(at string, v gjson.Result) error {
	if !v.IsObject() {
		return wrongType(at, "an object", v)
	}
	return nil
}

func number(low, high float64) check { return ranged("decimal", "a decimal number", low, high) }

// integer takes 2.0 as well: it is a matter of how a client writes its numbers.
func integer(low, high float64) check { return ranged("integer", "an integer", low, high) }

func ranged(kind, expected string, low, high float64) check {
	return func(at string, v gjson.Result) error {
		switch {
		case v.Type != gjson.Number, kind == "integer" && v.Num != math.Trunc(v.Num):
			return wrongType(at, expected, v)
		case v.Num < low:
			return wrongValue(at, kind+"_below_min_value", "%s below minimum value. Expected a value >= %v, but got %.40s instead", kind, low, v.Raw)
		case v.Num > high:
			return wrongValue(at, kind+"_above_max_value", "%s above maximum value. Expected a value <= %v, but got %.40s instead", kind, high, v.Raw)
		}
		return nil
	}
}

func oneOf(values ...string) check {
	return func(at string, v gjson.Result) error {
		if err := text(at, v); err != nil {
			return err
		}
		if !slices.Contains(values, v.Str) {
			return wrongValue(at, "invalid_value", "%.60q is none of the supported values: '%s'", v.Str, strings.Join(values, "', '"))
		}
		return nil
	}
}

// list is an array of at least so many members.
func list(least int, each check) check {
	return func(at string, v gjson.Result) (err error) {
		if !v.IsArray() {
			return wrongType(at, "an array", v)
		}
		n := 0
		v.ForEach(func(_, member gjson.Result) bool {
			err = each(at+"["+strconv.Itoa(n)+"]", member)
			n++
			return err == nil
		})
		if err == nil && n < least {
			return wrongValue(at, "empty_array", "empty array. Expected an array with minimum length %d", least)
		}
		return err
	}
}

// either is the first check, or for an array or an object the second.
func either(plain, nested check) check {
	return func(at string, v gjson.Result) error {
		if v.IsArray() || v.IsObject() {
			return nested(at, v)
		}
		return plain(at, v)
	}
}

// member is an object that has a field, and what the field is.
func member(name string, is check) check {
	return func(at string, v gjson.Result) error {
		if err := object(at, v); err != nil {
			return err
		}
		field := lookup(v, name)
		if !field.Exists() {
			return missing(at + "." + name)
		}
		return is(at+"."+name, field)
	}
}

// optional is member for a field that may be absent.
func optional(name string, is check) check {
	return func(at string, v gjson.Result) error {
		if v.IsObject() && lookup(v, name).Type == gjson.Null {
			return nil
		}
		return member(name, is)(at, v)
	}
}

// typed is an object whose "type" says what else is in it; with no types any is taken.
func typed(types map[string]check) check {
	return func(at string, v gjson.Result) error {
		if err := member("type", text)(at, v); err != nil {
			return err
		}
		more, known := types[lookup(v, "type").Str]
		switch {
		case types != nil && !known:
			return oneOf(sorted(types)...)(at+".type", lookup(v, "type"))
		case more != nil:
			return more(at, v)
		}
		return nil
	}
}
