package core

import (
	"maps"
	"reflect"
	"slices"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// keepByHand puts into content what only a person may change, as old has it, and
// refuses another value of it.
func keepByHand(schema *schemas.Schema, content, old map[string]any) error {
	if err := keep([]string{"secrets", "env", "sandbox"}, content, old); err != nil {
		return err
	}
	settings, before := settingsOf(content), settingsOf(old)
	var scoped []string
	for _, name := range slices.Concat(slices.Collect(maps.Keys(settings)), slices.Collect(maps.Keys(before))) {
		if guarded(schema, name) {
			scoped = append(scoped, name)
		}
	}
	if settings == nil && len(scoped) > 0 {
		settings = map[string]any{}
		content["settings"] = settings
	}
	return keep(scoped, settings, before)
}

func keep(names []string, content, old map[string]any) error {
	for _, name := range names {
		value, given := content[name]
		was, there := old[name]
		switch {
		case !given && there:
			content[name] = was
		case given && !(there && reflect.DeepEqual(value, was)):
			return byHand(name)
		}
	}
	return nil
}

// byHand refuses to change what a deployment's file says and who may use the API
// may not: which program runs and with what environment, to which address requests
// go, and which secrets go there. It stays as the file has it, whatever a request
// leaves out.
func byHand(name string) error {
	return sdk.Errorf(sdk.CodeUnauthorized, "%q says what runs, with what, or where secrets go: change it in the engine's file, in the folder engines of the server's machine", name)
}

// revealed is a value with what was hidden in it as it was.
func revealed(value, was any) any {
	if value == store.Hidden && was != nil {
		return was
	}
	members, _ := value.(map[string]any)
	before, _ := was.(map[string]any)
	for name := range members {
		members[name] = revealed(members[name], before[name])
	}
	return value
}

func settingsOf(content map[string]any) map[string]any {
	settings, _ := content["settings"].(map[string]any)
	return settings
}

// written is the name of a secret that is written down now and was not before.
func written(now, before any) string {
	values, _ := now.(map[string]any)
	was, _ := before.(map[string]any)
	for name, shown := range store.Redacted(values) {
		if shown == store.Hidden && !reflect.DeepEqual(values[name], was[name]) {
			return name
		}
		if inner := written(values[name], was[name]); inner != "" {
			return inner
		}
	}
	return ""
}
