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
	Extra       map[string]any // keys that this version does not know; written back as they were read
}

// A Source is one file that a model needs.
type Source struct {
	Filename string `json:"filename,omitempty"` // in the model's folder
	URL      string `json:"url,omitempty"`      // https address, or a local path: relative to the model's folder, ~/… or absolute
	SHA256   string `json:"sha256,omitempty"`   // 64 lower-case hexadecimal digits
	Size     int64  `json:"size,omitempty"`     // bytes
}

// manifestFields is the wire order of a manifest: the order in which people
// read it. Extra keys follow in alphabetical order.
type manifestFields struct {
	ID          string         `json:"id,omitempty"`
	Object      string         `json:"object,omitempty"`
	Name        string         `json:"name,omitempty"`
	Version     string         `json:"version,omitempty"`
	Created     int64          `json:"created,omitempty"`
	OwnedBy     string         `json:"owned_by,omitempty"`
	Description string         `json:"description,omitempty"`
	Format      string         `json:"format,omitempty"`
	Sources     []Source       `json:"sources,omitempty"`
	Engine      string         `json:"engine,omitempty"`
	Settings    map[string]any `json:"settings,omitempty"`
	Parameters  map[string]any `json:"parameters,omitempty"`
	Metadata    map[string]any `json:"metadata,omitempty"`
	Assets      []string       `json:"assets,omitempty"`
}

// manifestKeys are the keys of the canonical form.
var manifestKeys = []string{"id", "object", "name", "version", "created", "owned_by", "description",
	"format", "sources", "engine", "settings", "parameters", "metadata", "assets"}

// MarshalJSON writes the canonical form, and the extra keys after it.
func (m Manifest) MarshalJSON() ([]byte, error) {
	head, err := json.Marshal(manifestFields{m.ID, m.Object, m.Name, m.Version, m.Created, m.OwnedBy, m.Description,
		m.Format, m.Sources, m.Engine, m.Settings, m.Parameters, m.Metadata, m.Assets})
	if err != nil {
		return nil, fmt.Errorf("write manifest %s: %w", m.ID, err)
	}
	extra := maps.Clone(m.Extra)
	for _, key := range manifestKeys {
		delete(extra, key)
	}
	if len(extra) == 0 {
		return head, nil
	}
	tail, err := json.Marshal(extra)
	if err != nil {
		return nil, fmt.Errorf("write manifest %s: %w", m.ID, err)
	}
	if bytes.Equal(head, []byte("{}")) {
		return tail, nil
	}
	return slices.Concat(head[:len(head)-1], []byte(","), tail[1:]), nil
}

// UnmarshalJSON reads the canonical form; older shapes are core/store's work.
func (m *Manifest) UnmarshalJSON(data []byte) error {
	var f manifestFields
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	var all map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&all); err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	for _, key := range manifestKeys {
		delete(all, key)
	}
	if len(all) == 0 {
		all = nil
	}
	*m = Manifest{f.ID, f.Object, f.Name, f.Version, f.Created, f.OwnedBy, f.Description,
		f.Format, f.Sources, f.Engine, f.Settings, f.Parameters, f.Metadata, f.Assets, all}
	return nil
}
