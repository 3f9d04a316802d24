package host

import "time"

// Deadlines are how long the calls may take at most, by their names; Watch has none.
var Deadlines = map[string]time.Duration{
	"Plugin.Describe": describeTimeout, "Plugin.Configure": configureTimeout,
	"Engine.Inspect": inspectTimeout, "Engine.Load": loadTimeout, "Engine.Unload": unloadTimeout, "Engine.Models": modelsTimeout,
	"Importer.Resolve": resolveTimeout, "Importer.Search": resolveTimeout,
}
