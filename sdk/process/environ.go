package process

import (
	"os"
	"slices"
	"strings"
)

// ours are the beginnings of the names of variables that are between the core, go-plugin
// and the plugin.
var ours = []string{"ENGINEBAY_", "PLUGIN_"}

// Environ is this process's environment for a server that a plugin runs, as NAME=VALUE:
// without what is between the core and the plugin, and without the variables whose names
// begin with one of hidden, such as those that the server would take for arguments.
func Environ(hidden ...string) []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		begins := func(prefix string) bool { return strings.HasPrefix(variable, prefix) }
		return slices.ContainsFunc(ours, begins) || slices.ContainsFunc(hidden, begins)
	})
}
