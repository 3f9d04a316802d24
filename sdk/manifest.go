package sdk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// A Manifest is the content of a model file in its one canonical form,
// described for people by schemas/model.schema.json. Every field is optional in
// a file; core/store fills what a file leaves out and reads every older shape
// into this one.
type Manifest struct {
	ID          string         // NAME, or NAME/FILE in a folder of several model files
	Object      string         // always "model"
	Name        string         // for people
	Version     string         // of the model file, such as "1.0"
	Created     int64          // Unix time in seconds
	OwnedBy     string         // organization or author
	Description string         // for people
	Format      string         // of the weights: "gguf", "safetensors", or "api" for a remote model
	Sources     []Source       // where the weights come from; the first one is the model itself
	Engine      string         // id of a deployment: engines/ID.json, or an engine plugin's own name
	Settings    map[string]any // how to load: ctx_len, ngl, …; override those of the deployment
	Parameters  map[string]any // defaults of a request: temperature, max_tokens, stop, …
	Metadata    map[string]any // author, tags, quantization, size, …
	Assets      []string       // further files of the folder
	KeepAlive   string         // how long it stays in memory after its last request: "10m", "forever"; empty leaves it to others
	Pinned      bool           // once loaded it stays until somebody stops it
	Targets     []Target       // of a routed model: where its requests go
	Routing     string         // which target is asked: "fallback", in their order, or "spread"; empty is fallback
	Timeout     string         // how long a target may take until the first byte of its answer, such as "20s"; empty is any time
	CoolDown    string         // how long a target is passed over that failed, such as "30s"; empty leaves it to the core
	Extra       map[string]any // keys that this version does not know; written back as they were read
}

// A Source is one file that a model needs.
type Source struct {
	Filename string         // in the model's folder
	URL      string         // https address, or a local path: relative to the model's folder, ~/… or absolute
	SHA256   string         // 64 lower-case hexadecimal digits
	Size     int64          // bytes
	Extra    map[string]any // keys that this version does not know; written back as they were read
}

// A Target is where a routed model sends requests: to another model, or to the
// model's own file, loaded by another deployment. Exactly one of Model and Engine is
// set.
type Target struct {
	Model    string         // id of another model
	Engine   string         // id of a deployment
	Settings map[string]any // over those of the file; only beside Engine
	Weight   float64        // its share of the requests where they are spread; 0 is 1
	Extra    map[string]any // keys that this version does not know; written back as they were read
}

// Routed says whether the model's requests go to its targets.
func (m *Manifest) Routed() bool { return len(m.Targets) > 0 }

// fields are the members of the canonical form, in the order in which people
// read them.
func (m *Manifest) fields() []member {
	return []member{
		{"id", &m.ID}, {"object", &m.Object}, {"name", &m.Name}, {"version", &m.Version}, {"created", &m.Created},
		{"owned_by", &m.OwnedBy}, {"description", &m.Description}, {"format", &m.Format}, {"sources", &m.Sources},
		{"engine", &m.Engine}, {"settings", &m.Settings}, {"parameters", &m.Parameters}, {"metadata", &m.Metadata}, {"assets", &m.Assets},
		{"keep_alive", &m.KeepAlive}, {"pinned", &m.Pinned},
		{"targets", &m.Targets}, {"routing", &m.Routing}, {"timeout", &m.Timeout}, {"cool_down", &m.CoolDown},
	}
}

func (s *Source) fields() []member {
	return []member{{"filename", &s.Filename}, {"url", &s.URL}, {"sha256", &s.SHA256}, {"size", &s.Size}}
}

func (t *Target) fields() []member {
	return []member{{"model", &t.Model}, {"engine", &t.Engine}, {"settings", &t.Settings}, {"weight", &t.Weight}}
}

// MarshalJSON writes the canonical form without what is empty, and the extra
// keys after it. Texts stay readable: no "<" becomes "\u003c".
func (m Manifest) MarshalJSON() ([]byte, error) { return writeMembers(m.fields(), m.Extra) }

// UnmarshalJSON reads the canonical form; older shapes are core/store's work.
// Names are exact, and numbers of open type are json.Number.
func (m *Manifest) UnmarshalJSON(data []byte) (err error) {
	*m = Manifest{}
	m.Extra, err = readMembers(data, m.fields())
	return err
}

// MarshalJSON writes a source as [Manifest.MarshalJSON] does a manifest.
func (s Source) MarshalJSON() ([]byte, error) { return writeMembers(s.fields(), s.Extra) }

// UnmarshalJSON reads a source as [Manifest.UnmarshalJSON] does a manifest.
func (s *Source) UnmarshalJSON(data []byte) (err error) {
	*s = Source{}
	s.Extra, err = readMembers(data, s.fields())
	return err
}

// MarshalJSON writes a target as [Manifest.MarshalJSON] does a manifest.
func (t Target) MarshalJSON() ([]byte, error) { return writeMembers(t.fields(), t.Extra) }

// UnmarshalJSON reads a target as [Manifest.UnmarshalJSON] does a manifest.
func (t *Target) UnmarshalJSON(data []byte) (err error) {
	*t = Target{}
	t.Extra, err = readMembers(data, t.fields())
	return err
}

// member is one field of a JSON object: its name, and a pointer to its value.
type member struct {
	name  string
	value any
}

func writeMembers(members []member, extra map[string]any) ([]byte, error) {
	var b bytes.Buffer
	write := func(name string, value any, known bool) error {
		v, err := readable(value)
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if !known || !empty(v) {
			key, err := readable(name)
			if err != nil {
				return err
			}
			b.WriteByte(',')
			b.Write(key)
			b.WriteByte(':')
			b.Write(v)
		}
		return nil
	}
	known := map[string]bool{}
	for _, f := range members {
		known[f.name] = true
		if err := write(f.name, f.value, true); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if !known[name] {
			if err := write(name, extra[name], false); err != nil {
				return nil, err
			}
		}
	}
	if b.Len() == 0 {
		return []byte("{}"), nil
	}
	out := b.Bytes()
	out[0] = '{'
	return append(out, '}'), nil
}

// readable is JSON in which "<" stays "<".
func readable(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// empty says whether a field holds nothing and is left out.
func empty(v []byte) bool {
	switch string(v) {
	case `""`, "0", "null", "false", "{}", "[]":
		return true
	}
	return false
}

func readMembers(data []byte, members []member) (extra map[string]any, err error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, err
	}
	decode := func(name string, text []byte, v any) error {
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(v); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		return nil
	}
	for _, f := range members {
		if text, ok := raw[f.name]; ok {
			if err := decode(f.name, text, f.value); err != nil {
				return nil, err
			}
			delete(raw, f.name)
		}
	}
	for name, text := range raw {
		var v any
		if err := decode(name, text, &v); err != nil {
			return nil, err
		}
		if extra == nil {
			extra = map[string]any{}
		}
		extra[name] = v
	}
	return extra, nil
}
