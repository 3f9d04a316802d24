package sdktest

import (
	"encoding/json"
)

// work is a plugin with something to do: an engine with a model, an importer with a
// ref. Its checks are those that both have.
type work struct {
	Subject
	settings json.RawMessage
	secrets  map[string]string

	// use makes the plugin work, and returns a channel that has a value when that
	// work has ended too.
	use func(T, *host) <-chan error
	// round is one whole use, from its beginning to its end.
	round func(T, *host) error
	// tell has it do whatever it can, and keeps all that it says.
	tell func(T, *host, *confidences)
	// order has a host that is killed later make it work.
	order func(T, *host, *hosted)
	// promised checks what plugin.json says of this kind of plugin.
	promised func(T, manifest)
}

func (w *work) checks() []Check {
	return []Check{
		{"configure", "settings come again, also while it works", false, w.reconfigure},
		{"schema", "the settings' schema is sound, refers to nothing outside, and describes each setting", false, w.schema},
		{"manifest", "plugin.json says what the program says itself", false, w.manifest},
		{"folders", "it writes in its run and data folders, and nowhere else", true, w.folders},
		{"secrets", "what it is told in confidence stands in no log, error, answer or command line", false, w.keepsSecrets},
		{"leak", "after a hundred rounds it has no more processes, files and memory than before", true, w.leaks},
		{"end", "however it comes to its end, nothing of it is left", true, w.ends},
		{"orphan", "when the core is killed it ends too, with all that it started", true, w.hostDies},
	}
}
