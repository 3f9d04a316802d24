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
	lacks    string // why it can do nothing: no model, no ref, or none that works

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

// first are the checks that come before most of those of one kind.
func (w *work) first() []Check {
	return []Check{
		{"schema", "the settings' schema is sound, refers to nothing outside, and describes each setting", false, w.schema},
		{"manifest", "plugin.json says what the program says itself", false, w.manifest},
		{"configure", "settings come again, also while it works", false, w.with(w.reconfigure)},
	}
}

// last are those that come behind them.
func (w *work) last() []Check {
	return []Check{
		{"folders", "it writes in its run and data folders, and nowhere else", true, w.with(w.folders)},
		{"secrets", "what it is told in confidence stands in no log, error, answer or command line", false, w.with(w.keepsSecrets)},
		{"leak", "after a hundred rounds it has no more processes, files and memory than before", true, w.with(w.leaks)},
		{"end", "however it comes to its end, nothing of it is left", true, w.with(w.ends)},
		{"orphan", "when the core is killed it ends too, with all that it started", true, w.with(w.hostDies)},
	}
}

// with is a check that needs something to do.
func (w *work) with(check func(T)) func(T) {
	return func(t T) {
		if w.lacks != "" {
			t.Skipf("%s", w.lacks)
		}
		check(t)
	}
}
