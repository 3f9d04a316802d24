package core

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/secret"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// PluginOf is the plugin that the content of engines/ID.json names, or that of
// importers/ID.json.
func PluginOf(host *pluginhost.Host, kind sdk.Kind, id string, doc *schemas.Document) string {
	name, _ := doc.Value[string(kind)].(string)
	if kind == sdk.KindImporter {
		return cmp.Or(name, id)
	}
	if name == "" && isEnginePlugin(host, id) {
		return id
	}
	return store.EngineName(cmp.Or(name, id))
}

// CheckDeployment finds what is wrong in such a file, as the server would: by the
// schema of these files, and by that of the plugin's settings, for which the plugin
// is started for a moment. A plugin that is not installed is a warning.
func CheckDeployment(ctx context.Context, host *pluginhost.Host, kind sdk.Kind, id string, doc *schemas.Document) (wrong, warnings schemas.Problems) {
	warnings = slices.Clone(doc.Warnings)
	settings, above := settingsOf(doc.Value), schemas.Pointer("settings")
	if schemas.IsFlatDeployment(doc) {
		settings, above = withoutSecrets(doc.Value), ""
		wrong = doc.Locate(inTheClear(doc.Value, "", "env:MY_KEY"))
	} else {
		wrong, warnings = doc.Validate(schemas.Deployment()), append(warnings, doc.Hints(schemas.Deployment())...)
		warnings = append(warnings, doc.Locate(inTheClear(settings, above, `env:MY_KEY under "secrets"`))...)
	}
	plugin := PluginOf(host, kind, id, doc)
	schema, err := host.Schema(ctx, plugin)
	switch {
	case err != nil:
		return wrong, append(warnings, doc.Locate(schemas.Problems{unasked(host, kind, plugin, err)})...)
	case schema == nil:
		return wrong, warnings
	}
	return doc.Locate(append(wrong, wrongSettings(schema, settings, above)...)), warnings
}

// unasked is why a plugin's settings cannot be checked.
func unasked(host *pluginhost.Host, kind sdk.Kind, plugin string, err error) schemas.Problem {
	p := schemas.Problem{Pointer: schemas.Pointer(string(kind)), Expected: "a plugin that starts, to ask for its settings", Got: Reason(err)}
	if sdk.CodeOf(err) == sdk.CodeNotFound {
		var names []string
		for _, installed := range host.Plugins() {
			if installed.Is(kind) {
				names = append(names, installed.Name)
			}
		}
		p.Expected = fmt.Sprintf("the name of an %s plugin that is installed (%s)", kind, cmp.Or(strings.Join(names, ", "), "none is"))
		p.Got, p.Suggestion = fmt.Sprintf("%.60q", plugin), schemas.Nearest(plugin, names)
	}
	return p
}

// wrongSettings are those that a plugin does not take: over its defaults, and also
// those that are misspelt, for such a setting is one that is not there.
func wrongSettings(schema *schemas.Schema, settings map[string]any, above string) schemas.Problems {
	all := schema.Defaults()
	maps.Copy(all, settings)
	problems := append(schema.Validate(all), schema.Hints(settings)...)
	for i := range problems {
		problems[i].Pointer = above + problems[i].Pointer
	}
	return problems
}

// inTheClear are the secrets that somebody wrote down.
func inTheClear(values map[string]any, above, instead string) schemas.Problems {
	var all schemas.Problems
	for name, shown := range store.Redacted(values) {
		text, _ := values[name].(string)
		if shown == store.Hidden && text != "" && !secret.IsReference(text) {
			all = append(all, schemas.Problem{Pointer: above + schemas.Pointer(name), Expected: "a reference such as " + instead, Got: "a secret that is written down"})
		}
	}
	return all
}

// withoutSecrets are the settings of the older form of a file, which may name keys
// among them.
func withoutSecrets(values map[string]any) map[string]any {
	settings := maps.Clone(values)
	for name, shown := range store.Redacted(values) {
		if shown == store.Hidden {
			delete(settings, name)
		}
	}
	return settings
}
