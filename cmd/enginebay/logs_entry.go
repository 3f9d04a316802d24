package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/schemas"
)

// An entry is one line of the log.
type entry struct {
	line    []byte // as it is in the file
	time    time.Time
	level   hclog.Level
	module  string // "enginebay.plugin.llamacpp"
	message string
	pairs   []any // in the order of names
	fields  map[string]any
}

// parseEntry reads a line. One that is cut off, as by a full disk, is none.
func parseEntry(line []byte) (entry, bool) {
	e := entry{line: line}
	if schemas.Unmarshal(line, &e.fields) != nil {
		return e, false
	}
	e.module, e.message = text(e.fields["@module"]), text(e.fields["@message"])
	e.level = hclog.LevelFromString(text(e.fields["@level"]))
	var err error
	e.time, err = time.Parse(hclog.TimeFormatJSON, text(e.fields["@timestamp"]))
	for _, name := range slices.Sorted(maps.Keys(e.fields)) {
		if !strings.HasPrefix(name, "@") {
			e.pairs = append(e.pairs, name, asText(e.fields[name]))
		}
	}
	return e, err == nil
}

// asText is a value as text.
func asText(v any) any {
	if s, ok := v.(string); ok {
		return s
	}
	data, err := json.Marshal(v)
	if err != nil {
		return v
	}
	return string(data)
}

// wanted says which entries are shown.
type wanted struct {
	name  string // of a model, an engine, a plugin or a part of the server; empty for all
	level hclog.Level
	since time.Time

	engines []string // of the plugin of that name, as far as the log has told
}

// mayHave says whether a line can be wanted. It is much faster than reading it.
func (w *wanted) mayHave(line []byte) bool {
	for _, name := range append(w.engines, w.name) {
		if bytes.Contains(line, []byte(name)) {
			return true
		}
	}
	return false
}

func (w *wanted) has(e entry) bool {
	return e.level >= w.level && !e.time.Before(w.since) && (w.name == "" || w.about(e))
}

// about says whether an entry belongs to the name: it says so by a pair, or by the
// part that it comes from.
func (w *wanted) about(e entry) bool {
	part := strings.TrimPrefix(e.module, logName+".")
	engine, isPlugin := strings.CutPrefix(part, "plugin.")
	for _, name := range append(w.engines, w.name) {
		if inPart(part, name) || isPlugin && inPart(engine, name) || text(e.fields["engine"]) == name {
			return true
		}
	}
	if text(e.fields["plugin"]) == w.name {
		if isPlugin { // an engine of this plugin has started; later lines of it do not get here
			w.engines = append(w.engines, engine)
		}
		return true
	}
	return text(e.fields["model"]) == w.name
}

// inPart says whether a part is another one or below it.
func inPart(part, other string) bool {
	return part == other || strings.HasPrefix(part, other+".")
}
