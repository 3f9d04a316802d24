package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
)

// fileKeys are the keys of a deployment's file that are written without a dot.
var fileKeys = []string{"description", "enabled", "devices", "isolation", "models"}

// fileParts are those that are written with one.
var fileParts = []string{"settings", "parameters", "secrets", "env", "limits", "prices"}

// assignment turns NAME=VALUE into changes of a deployment's file.
type assignment struct {
	name   string // of the file, for messages
	text   []byte
	doc    *schemas.Document
	flat   bool // the older form: settings and nothing else
	plugin string
	schema *schemas.Schema // of the plugin's settings; nil where it is not known
}

// newAssignment reads the file. plugin is what the person says, or empty.
func newAssignment(place enginePlace, id string, text []byte, plugin string) (*assignment, error) {
	a := &assignment{name: "engines/" + id + ".json", text: text}
	var err error
	if a.doc, err = schemas.Parse(a.name, text); err != nil {
		return nil, err
	}
	a.flat = schemas.IsFlatDeployment(a.doc)
	if plugin != "" {
		if err := a.change(schemas.Change{Path: []string{"engine"}, Value: plugin}); err != nil {
			return nil, err
		}
	}
	a.plugin, a.schema, err = place.plugin(id, a.doc)
	return a, err
}

// apply is the file's text with all changes.
func (a *assignment) apply(set, unset []string) ([]byte, error) {
	var changes []schemas.Change
	for _, arg := range set {
		change, err := a.parse(arg)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	for _, key := range unset {
		path, err := a.path(key, true)
		if err != nil {
			return nil, err
		}
		changes = append(changes, schemas.Change{Path: path, Remove: true})
	}
	return a.text, a.change(changes...)
}

// change changes the text. The older form of a file becomes today's where more than
// settings is wanted.
func (a *assignment) change(changes ...schemas.Change) error {
	if a.flat && slices.ContainsFunc(changes, func(c schemas.Change) bool { return c.Path[0] != "settings" }) {
		if err := a.modernise(); err != nil {
			return err
		}
	}
	for i, c := range changes {
		if a.flat {
			changes[i].Path = c.Path[1:]
		}
		if _, there := schemas.Lookup(a.doc.Value, schemas.Pointer(changes[i].Path...)); c.Remove && !there {
			return fmt.Errorf("%s has no %s to take out", a.name, strings.Join(c.Path, "."))
		}
	}
	return a.edit(changes...)
}

func (a *assignment) edit(changes ...schemas.Change) error {
	text, err := schemas.Edit(a.name, a.text, changes...)
	if err != nil {
		return err
	}
	a.text = text
	a.doc, err = schemas.Parse(a.name, text)
	return err
}

// modernise makes settings of the older form stand under "settings", and references
// to secrets among them under "secrets".
func (a *assignment) modernise() error {
	text, err := schemas.Edit(a.name, a.text) // with its outer braces
	if err != nil {
		return err
	}
	before := a.doc.Value
	a.flat, a.text = false, slices.Concat([]byte(`{"settings": `), text, []byte("}"))
	var changes []schemas.Change
	for name, shown := range store.Redacted(before) {
		if shown == store.Hidden {
			changes = append(changes, schemas.Change{Path: []string{"settings", name}, Remove: true},
				schemas.Change{Path: []string{"secrets", name}, Value: before[name]})
		}
	}
	return a.edit(changes...)
}

// parse reads NAME=VALUE.
func (a *assignment) parse(arg string) (schemas.Change, error) {
	key, text, ok := strings.Cut(arg, "=")
	if !ok || key == "" {
		return schemas.Change{}, fmt.Errorf("%q: write it as NAME=VALUE, as in ctx_len=8192", arg)
	}
	path, err := a.path(key, false)
	if err != nil {
		return schemas.Change{}, err
	}
	schema, below, name := schemas.Deployment(), path, a.name
	if path[0] == "settings" && len(path) > 1 {
		schema, below, name = a.schema, path[1:], "the plugin "+a.plugin
	}
	value, problem := valueOf(schema, below, text)
	if problem != nil {
		err = fmt.Errorf("%s: %s expects %s, got %s", key, name, problem.Expected, problem.Got)
		if problem.Suggestion != "" {
			err = fmt.Errorf("%w; did you mean %s?", err, problem.Suggestion)
		}
	}
	return schemas.Change{Path: path, Value: value}, err
}

// path is where a name stands in the file.
func (a *assignment) path(key string, unset bool) ([]string, error) {
	part, rest, dotted := strings.Cut(key, ".")
	switch {
	case key == "engine":
		return nil, errors.New("name the plugin with --engine, as in: --engine llamacpp")
	case slices.Contains(fileKeys, key), slices.Contains(fileParts, key) && unset:
		return []string{key}, nil
	case part == "sandbox" && !unset && (a.schema == nil || !a.schema.Knows("", part)):
		return nil, errors.New(`what a plugin may do is widened by hand: write "sandbox": {"mode": "off"}, or its "folders" and "network", into the engine's file`)
	case slices.Contains(fileParts, key):
		return nil, fmt.Errorf("%s holds more values: name one, as in %s.NAME=VALUE", key, key)
	case part == "settings" && dotted:
		return a.settingPath(rest, unset)
	case part == "prices" && dotted:
		if at := strings.LastIndexByte(rest, '.'); at > 0 && (unset || slices.Contains([]string{"input", "output"}, rest[at+1:])) {
			return []string{part, rest[:at], rest[at+1:]}, nil
		}
		return nil, fmt.Errorf("%s: write prices.PATTERN.input or prices.PATTERN.output, as in prices.*.input=0.15", key)
	case slices.Contains(fileParts, part) && dotted && rest != "":
		return a.partPath(part, rest, unset)
	case unset, a.schema == nil, a.schema.Knows("", part):
	case dotted && schemas.Nearest(part, fileParts) != "":
		return nil, fmt.Errorf("there is no %q; did you mean %s.%s?", key, schemas.Nearest(part, fileParts), rest)
	case store.Redacted(map[string]any{key: "x"})[key] == store.Hidden:
		return nil, fmt.Errorf("%s is a secret: say where it is kept, as in secrets.%s=env:MY_KEY, file:PATH or keyring:SERVICE/NAME", key, key)
	}
	return a.settingPath(key, unset)
}

// partPath is a name in limits and the like; those of secrets and env are anybody's.
func (a *assignment) partPath(part, name string, unset bool) ([]string, error) {
	known := schemas.Deployment().Names(schemas.Pointer(part))
	if part == "limits" && !unset && !slices.Contains(known, name) {
		return nil, fmt.Errorf("there is no limit %q; %s", name, meantOf(name, known, "there are "))
	}
	return []string{part, name}, nil
}

// settingPath is a setting, or what is inside of one: headers.X-Team.
func (a *assignment) settingPath(key string, unset bool) ([]string, error) {
	if name, inner, dotted := strings.Cut(key, "."); dotted && a.schema != nil && !a.schema.Knows("", key) && a.schema.Knows("", name) {
		return []string{"settings", name, inner}, nil
	}
	if a.schema != nil && !a.schema.Knows("", key) && !unset {
		known := slices.Concat(a.schema.Properties(), fileKeys, fileParts)
		return nil, fmt.Errorf("the plugin %s has no setting %q; %s", a.plugin, key, meantOf(key, known, "it has "))
	}
	return []string{"settings", key}, nil
}

// meantOf is what a person may have meant, or all that there is.
func meantOf(name string, known []string, has string) string {
	if near := schemas.Nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	return has + strings.Join(known, ", ")
}

// valueOf reads a value by the type that the schema wants: "8" is 8, A,B a list, and
// what is JSON may be written so. The problem is why nothing fits.
func valueOf(schema *schemas.Schema, path []string, text string) (any, *schemas.Problem) {
	if schema == nil {
		return guessed(text), nil
	}
	known := schema.Knows(schemas.Pointer(path[:len(path)-1]...), path[len(path)-1])
	candidates := []any{coerced(schema, path, text)}
	if written, ok := fromJSON(text); ok && (strings.ContainsAny(text[:1], `[{"`) || !known && candidates[0] == text && !isText(path)) {
		candidates = []any{written, candidates[0]}
	}
	var first *schemas.Problem
	for _, value := range candidates {
		problem := problemAt(schema, path, value)
		if problem == nil {
			return value, nil
		}
		first = problem
	}
	return nil, first
}

// isText says whether every value of a part is a text, whatever it looks like.
func isText(path []string) bool { return path[0] == "secrets" || path[0] == "env" }

// coerced is a text as the type that the schema wants, a list of what stands between
// commas where it wants a list.
func coerced(schema *schemas.Schema, path []string, text string) any {
	value := through(schema, path, text)
	if list, isList := value.([]any); isList && len(list) == 1 {
		if text == "" {
			return []any{}
		}
		if fields, err := csv.NewReader(strings.NewReader(text)).Read(); err == nil {
			return through(schema, path, listOf(fields))
		}
	}
	return value
}

// through has a schema coerce one value in its place.
func through(schema *schemas.Schema, path []string, value any) any {
	all, _ := schemas.Lookup(schema.Coerce(nested(path, value)), schemas.Pointer(path...))
	return all
}

func nested(path []string, value any) map[string]any {
	for i := len(path) - 1; i > 0; i-- {
		value = map[string]any{path[i]: value}
	}
	return map[string]any{path[0]: value}
}

// problemAt is what a schema finds wrong in one value; nil where nothing is.
func problemAt(schema *schemas.Schema, path []string, value any) *schemas.Problem {
	at := schemas.Pointer(path...)
	for _, p := range schema.Validate(nested(path, value)) {
		if p.Pointer == at || strings.HasPrefix(p.Pointer, at+"/") {
			return &p
		}
	}
	return nil
}

// guessed is a value of which no type is known.
func guessed(text string) any {
	if value, ok := fromJSON(text); ok {
		return value
	}
	return text
}

func fromJSON(text string) (value any, ok bool) {
	if !json.Valid([]byte(text)) {
		return nil, false
	}
	err := schemas.Unmarshal([]byte(text), &value)
	return value, err == nil
}
