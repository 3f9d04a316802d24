// Package schemas holds the JSON Schemas (draft 2020-12) of the files that
// people write: model files, deployments in engines/, enginebay.yaml, a plugin's
// plugin.json, and the registries of plugins with their indexes. It reads such files with bounds and with comments allowed,
// validates them, and says what is wrong by file, line and column.
//
// Validation takes values as [Parse] and [ParseYAML] make them: nil, bool,
// string, json.Number, []any and map[string]any; a value that is not bounded is
// refused. Everything here may be used by many goroutines at once.
package schemas

import (
	_ "embed" // the schemas
	"sync"
)

//go:embed model.schema.json
var modelJSON []byte

//go:embed deployment.schema.json
var deploymentJSON []byte

//go:embed plugin.schema.json
var pluginJSON []byte

//go:embed config.schema.json
var configJSON []byte

//go:embed index.schema.json
var indexJSON []byte

//go:embed registries.schema.json
var registriesJSON []byte

var (
	modelSchema      = sync.OnceValue(func() *Schema { return mustCompile(modelJSON) })
	deploymentSchema = sync.OnceValue(func() *Schema { return mustCompile(deploymentJSON) })
	pluginSchema     = sync.OnceValue(func() *Schema { return mustCompile(pluginJSON) })
	configSchema     = sync.OnceValue(func() *Schema { return mustCompile(configJSON) })
	indexSchema      = sync.OnceValue(func() *Schema { return mustCompile(indexJSON) })
	registriesSchema = sync.OnceValue(func() *Schema { return mustCompile(registriesJSON) })
)

// Model is the schema of a model file in its canonical form.
func Model() *Schema { return modelSchema() }

// Deployment is the schema of engines/ID.json. The settings in it are checked
// against the plugin's own schema.
func Deployment() *Schema { return deploymentSchema() }

// Plugin is the schema of plugin.json, which describes an installed plugin.
func Plugin() *Schema { return pluginSchema() }

// Config is the schema of enginebay.yaml, the operator's settings.
func Config() *Schema { return configSchema() }

// Index is the schema of index.json, what a registry of plugins offers.
func Index() *Schema { return indexSchema() }

// Registries is the schema of plugins/registries.json, where plugins are installed from.
func Registries() *Schema { return registriesSchema() }

// mustCompile compiles a schema of this package, which the tests have compiled
// before.
func mustCompile(schema []byte) *Schema {
	s, err := Compile(schema)
	if err != nil {
		panic(err)
	}
	return s
}
