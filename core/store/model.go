package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// A Model is a model as its folder shows it. It is never changed after it was
// read: the store makes a new one when the folder changes.
type Model struct {
	ID       string
	Manifest sdk.Manifest // canonical, defaults filled in
	Dir      string       // absolute path of the folder
	File     string       // absolute path of the model file; empty where the folder has none
	Files    []string     // absolute paths of the weights that are there, in the order of their parts
	MMProj   string       // absolute path of the vision projector, if there is one
	Header   *gguf.Header // what stands before the vocabulary in the first file; nil for other formats
	Linked   bool         // the weights lie outside the models folder: never deleted
	ReadOnly bool         // it lies in a folder that is only read: it cannot be changed or removed

	// Ready says whether all weights are there; Missing names those that are not,
	// or not wholly.
	Ready   bool
	Missing []string

	// Err is why the model cannot be used: the problems of its file, or of its
	// weights. The model is listed all the same.
	Err error

	// Warnings are what was read although it is not right.
	Warnings schemas.Problems

	alias   string       // the id that the file names, where it is another than the folder's
	rank    int          // of its root
	exact   bool         // the id is the path as it stands, without a letter replaced
	home    string       // absolute path of the model file that Edit writes
	read    *parsed      // what File was read as
	size    int64        // bytes of Files
	instead string       // the file that is used although the first source names none, or another
	lacks   []sdk.Source // whose files are not there, or not wholly
	held    bool         // weights without a model file that are not whole yet

	editionOf string // id of the model that it is an edition of; empty for what is none

	once sync.Once
	json []byte

	whole      sync.Once
	wholeHead  *gguf.Header
	wholeError error
}

// WholeHeader reads the whole header of the first file, vocabulary and chat
// template included, once; nil for other formats. The error says what is wrong
// with the file: half of a model is found so.
func (m *Model) WholeHeader() (*gguf.Header, error) {
	if m.Header == nil {
		return nil, nil
	}
	m.whole.Do(func() {
		m.wholeHead, m.wholeError = gguf.Read(m.Files[0])
		if m.wholeError != nil {
			m.wholeError = fmt.Errorf("%s: %w", filepath.Base(m.Files[0]), unwrapped(m.wholeError))
		}
	})
	return m.wholeHead, m.wholeError
}

// newModel makes a model of a path below the models folder, without ".json".
func newModel(rel, dir string) *Model {
	id := Sanitized(rel)
	return &Model{ID: id, Dir: dir, exact: id == rel}
}

// same says whether a model was read from the same as an older one.
func (m *Model) same(old *Model) bool {
	return m.ID == old.ID && m.home == old.home && m.read == old.read && m.Header == old.Header && m.MMProj == old.MMProj &&
		m.size == old.size && m.Manifest.Created == old.Manifest.Created && m.Ready == old.Ready &&
		slices.Equal(m.Files, old.Files) && slices.Equal(m.Missing, old.Missing) && fmt.Sprint(m.Err) == fmt.Sprint(old.Err)
}

// loose says whether the model is weights that lie in the models folder itself.
func (m *Model) loose() bool { return m.File == "" && filepath.Dir(m.home) != m.Dir }

// path is what the model is to somebody who looks for it on disk.
func (m *Model) path() string {
	if m.File == "" && len(m.Files) > 0 {
		return m.Files[0]
	}
	return cmp.Or(m.File, m.Dir)
}

// Remote says whether the model lives with somebody else and has no weights here.
func (m *Model) Remote() bool { return m.Manifest.Format == "api" }

// Request is what an engine learns of the model. The id in its manifest is that of
// the file, where it has one: older files name a remote model so.
func (m *Model) Request() sdk.Model {
	id := cmp.Or(m.editionOf, m.ID)
	manifest := m.Manifest
	manifest.ID = cmp.Or(m.alias, id)
	return sdk.Model{ID: id, Dir: m.Dir, Files: m.Files, MMProj: m.MMProj, Manifest: manifest}
}

// JSON is the canonical manifest with every key present, as the API shows it.
// It is made once.
func (m *Model) JSON() []byte {
	m.once.Do(func() {
		full := struct {
			ID          string         `json:"id"`
			Object      string         `json:"object"`
			Created     int64          `json:"created"`
			OwnedBy     string         `json:"owned_by"`
			Name        string         `json:"name"`
			Version     string         `json:"version"`
			Description string         `json:"description"`
			Format      string         `json:"format"`
			Engine      string         `json:"engine"`
			Sources     []sdk.Source   `json:"sources"`
			Settings    map[string]any `json:"settings"`
			Parameters  map[string]any `json:"parameters"`
			Metadata    map[string]any `json:"metadata"`
			Assets      []string       `json:"assets"`
			KeepAlive   string         `json:"keep_alive,omitempty"`
			Pinned      bool           `json:"pinned,omitempty"`
			Targets     []sdk.Target   `json:"targets,omitempty"`
			Routing     string         `json:"routing,omitempty"`
			Timeout     string         `json:"timeout,omitempty"`
			CoolDown    string         `json:"cool_down,omitempty"`
		}{m.ID, "model", m.Manifest.Created, m.Manifest.OwnedBy, m.Manifest.Name, m.Manifest.Version, m.Manifest.Description,
			m.Manifest.Format, m.Manifest.Engine, orEmptyList(m.Manifest.Sources), Redacted(m.Manifest.Settings),
			Redacted(m.Manifest.Parameters), Redacted(m.Manifest.Metadata), orEmptyList(m.Manifest.Assets),
			m.Manifest.KeepAlive, m.Manifest.Pinned, shownTargets(m.Manifest.Targets), m.Manifest.Routing, m.Manifest.Timeout, m.Manifest.CoolDown}
		m.json, _ = json.Marshal(full) // of strings, numbers and what came from JSON: it cannot fail
	})
	return m.json
}

// Hidden stands for a value that is shown to nobody.
const Hidden = "(hidden)"

// secrets are how the names of values end that are shown to nobody.
var secrets = []string{"apikey", "api_key", "api-key", "token", "secret", "password", "authorization"}

func isSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secrets, func(ending string) bool { return strings.HasSuffix(name, ending) })
}

// Redacted is values without secrets: it hides what somebody wrote into a model file although a deployment
// names secrets by reference.
func Redacted(values map[string]any) map[string]any {
	out := make(map[string]any, len(values))
	for name, value := range values {
		if out[name] = redacted(value); isSecret(name) {
			out[name] = Hidden
		}
	}
	return out
}

func redacted(value any) any {
	switch value := value.(type) {
	case map[string]any:
		return Redacted(value)
	case []any:
		members := make([]any, len(value))
		for i, member := range value {
			members[i] = redacted(member)
		}
		return members
	}
	return value
}

func orEmptyList[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return slices.Clip(l)
}
