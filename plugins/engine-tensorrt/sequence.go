package main

import (
	"reflect"
	"strings"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/exec"
)

// sequence is a list whose last member is [-1] also where it is the only one: gonja
// (v2.9.1) finds none there, and templates look at messages[-1] all the time.
type sequence []any

// GetItem implements exec.ItemGetter.
func (s sequence) GetItem(key any) (*exec.Value, bool) {
	i, ok := key.(int)
	if i < 0 {
		i += len(s)
	}
	if !ok || i < 0 || i >= len(s) {
		return exec.AsValue(nil), false
	}
	return exec.AsValue(s[i]), true
}

// sequences puts sequences in the place of all lists of a JSON value.
func sequences(v any) any {
	switch v := v.(type) {
	case []any:
		s := make(sequence, len(v))
		for i, member := range v {
			s[i] = sequences(member)
		}
		return s
	case map[string]any:
		for name, member := range v {
			v[name] = sequences(member)
		}
	}
	return v
}

// textMethods and objectMethods are all that gonja has; those that give lists give sequences.
const (
	textMethods = "capitalize capwords casefold center count encode endswith expandtabs find format format_map isalnum isalpha isascii isdecimal isdigit islower isnumeric " +
		"isprintable isspace istitle isupper join ljust lower lstrip partition removeprefix removesuffix replace rfind rjust rpartition rsplit rstrip split splitlines " +
		"startswith strip swapcase title upper zfill"
	objectMethods = "keys values items get pop setdefault update copy clear"
)

func methods() exec.Methods {
	all := builtins.Methods
	all.Str, all.Dict = inSequences(all.Str, textMethods), inSequences(all.Dict, objectMethods)
	return all
}

func inSequences[T any](from *exec.MethodSet[T], names string) *exec.MethodSet[T] {
	all := map[string]exec.Method[T]{}
	for name := range strings.FieldsSeq(names) {
		method, ok := from.Get(name)
		if !ok {
			continue // a later gonja may have lost one
		}
		all[name] = func(self T, value *exec.Value, arguments *exec.VarArgs) (any, error) {
			result, err := method(self, value, arguments)
			return inSequence(result), err
		}
	}
	return exec.NewMethodSet(all)
}

func inSequence(v any) any {
	list := reflect.ValueOf(v)
	if v == nil || list.Kind() != reflect.Slice {
		return v
	}
	s := make(sequence, list.Len())
	for i := range s {
		s[i] = list.Index(i).Interface()
	}
	return s
}
