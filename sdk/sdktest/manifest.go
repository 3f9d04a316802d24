package sdktest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// A manifest is what the suite reads of a plugin.json. The core goes by it before it
// has started the program.
type manifest struct {
	Name         string
	Version      string
	Entry        string
	Kinds        []sdk.Kind
	Protocol     []int
	Capabilities []string
	Formats      []string
	Operations   []sdk.Operation
	Schemes      []string
	Patterns     []string
	Secrets      map[string]struct{ From []string }
}

// readManifest reads the plugin.json of the subject's package, or of the folder of the
// test; ok is false where there is none.
func (s Subject) readManifest() (m manifest, ok bool, err error) {
	file := filepath.Join(s.Package, "plugin.json")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err == nil {
		err = schemas.Decode(schemas.Plugin(), "plugin.json", text, &m)
	}
	return m, true, err
}

// manifest: plugin.json says of the plugin what it says itself.
func (w *work) manifest(t T) {
	m, ok, err := w.readManifest()
	if err != nil {
		t.Fatalf("plugin.json: %v", err)
	}
	if !ok {
		t.Skipf("there is no plugin.json beside it")
	}
	d, err := w.start(t).Describe(t.Context())
	if err != nil {
		t.Fatalf("Describe: %v", err)
	}
	same(t, "name", path.Base(m.Name), d.Name)
	same(t, "version", m.Version, d.Version)
	sameSet(t, "kinds", m.Kinds, d.Kinds)
	sameSet(t, "capabilities", m.Capabilities, d.Capabilities)
	if written, err := os.ReadFile(filepath.Join(w.Package, "settings.schema.json")); err == nil && !sameJSON(written, d.Settings) {
		t.Errorf("settings.schema.json is another schema than the one that the plugin gives")
	}
	if len(m.Protocol) > 0 && !slices.Contains(m.Protocol, sdk.ProtocolVersion) {
		t.Errorf("plugin.json says the protocols %v, and it was called with %d", m.Protocol, sdk.ProtocolVersion)
	}
	if w.lacks != "" {
		t.Logf("formats, operations and schemes were not tested, because %s", w.lacks)
		return
	}
	w.promised(t, m)
}

func sameJSON(a, b []byte) bool {
	var one, other any
	return json.Unmarshal(a, &one) == nil && json.Unmarshal(b, &other) == nil && reflect.DeepEqual(one, other)
}

// same and sameSet say where plugin.json and the program differ.
func same(t T, what, said, is string) {
	t.Helper()
	if said != is {
		t.Errorf("plugin.json says the %s %q, and the plugin %q", what, said, is)
	}
}

func sameSet[E ~string](t T, what string, said, is []E) {
	t.Helper()
	said, is = slices.Sorted(slices.Values(said)), slices.Sorted(slices.Values(is))
	if !slices.Equal(said, is) {
		t.Errorf("plugin.json says the %s %q, and the plugin %q", what, said, is)
	}
}

// promised: the model's format is among the manifest's, and so is all that is answered.
func (e *engine) promised(t T, m manifest) {
	if format := e.Model.Manifest.Format; len(e.Model.Files) > 0 && format != "" && !slices.Contains(m.Formats, format) {
		t.Errorf("plugin.json says the formats %q, and it is to load a model of the format %q", m.Formats, format)
	}
	h := e.up(t)
	for _, op := range h.loaded(t, e.request(t, h, nil)).Endpoint().Operations {
		if !slices.Contains(m.Operations, op) {
			t.Errorf("plugin.json says the operations %q, and the engine answers %q too", m.Operations, op)
		}
	}
}

// promised: the ref is one that the core would bring to this importer.
func (i *importer) promised(t T, m manifest) {
	u, err := url.Parse(string(i.Ref))
	if err == nil && slices.Contains(m.Schemes, u.Scheme) {
		return
	}
	for _, pattern := range m.Patterns {
		if ok, _ := path.Match(pattern, string(i.Ref)); ok {
			return
		}
	}
	if len(m.Patterns) == 0 {
		t.Errorf("plugin.json says the schemes %q, and none of them is that of %s", m.Schemes, i.Ref)
	}
}
