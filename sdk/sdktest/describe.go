package sdktest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

var (
	names    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	versions = regexp.MustCompile(`^\d+\.\d+\.\d+([-+].*)?$`)
)

// describe: the plugin says what it is before it was configured.
func (s Subject) describe(t *testing.T, kind sdk.Kind, capabilities ...string) {
	d, err := s.start(t).Describe(t.Context())
	if err != nil {
		t.Fatalf("Describe without Configure: %v", err)
	}
	if !names.MatchString(d.Name) {
		t.Errorf("name %q is not of letters, digits, '.', '_' and '-'", d.Name)
	}
	if !versions.MatchString(d.Version) {
		t.Errorf("version %q is not a semantic version such as 1.2.3", d.Version)
	}
	if !slices.Contains(d.Kinds, kind) {
		t.Errorf("kinds are %q, without %q", d.Kinds, kind)
	}
	for _, k := range d.Kinds {
		if k != sdk.KindEngine && k != sdk.KindImporter {
			t.Errorf("kind %q is not known", k)
		}
	}
	for _, c := range d.Capabilities {
		if len(d.Kinds) == 1 && !slices.Contains(capabilities, c) {
			t.Errorf("capability %q is none of %q", c, capabilities)
		}
	}
	if len(d.Settings) > 0 {
		schema(t, d.Settings)
	}
	manifest(t, d)
}

// manifest: plugin.json, where there is one in the folder of the test, says of the plugin
// what it says itself. The core goes by the file before it has started the program.
func manifest(t *testing.T, d sdk.Description) {
	t.Helper()
	text, err := os.ReadFile("plugin.json")
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var said struct {
		Version      string
		Capabilities []string
	}
	if err == nil {
		err = json.Unmarshal(text, &said)
	}
	if err != nil {
		t.Fatalf("plugin.json: %v", err)
	}
	if said.Version != d.Version {
		t.Errorf("plugin.json says version %q, and the plugin %q", said.Version, d.Version)
	}
	if slices.Sort(said.Capabilities); !slices.Equal(said.Capabilities, slices.Sorted(slices.Values(d.Capabilities))) {
		t.Errorf("plugin.json says the capabilities %q, and the plugin %q", said.Capabilities, d.Capabilities)
	}
}

// schema must be a JSON Schema of an object whose properties are described.
func schema(t *testing.T, data []byte) {
	t.Helper()
	var s struct {
		Type       string `json:"type"`
		Properties map[string]struct {
			Description string `json:"description"`
			Scope       string `json:"x-scope"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatalf("settings schema: %v", err)
	}
	if s.Type != "object" {
		t.Errorf("settings schema has type %q, and settings are an object", s.Type)
	}
	for name, property := range s.Properties {
		if property.Description == "" {
			t.Errorf("setting %s has no description", name)
		}
		if !slices.Contains([]string{"", "deployment", "guarded"}, property.Scope) {
			t.Errorf("setting %s has the x-scope %q; there are only \"deployment\" and \"guarded\"", name, property.Scope)
		}
	}
}

// reconfigure: Configure may come again, also with nothing but the defaults.
func (s Subject) reconfigure(t *testing.T, settings json.RawMessage, secrets map[string]string) {
	h := s.start(t)
	for range 2 {
		if err := h.configure(t, settings, secrets); err != nil {
			t.Errorf("Configure: %v", err)
		}
	}
}

func (h *host) can(t *testing.T, capability string) bool {
	t.Helper()
	d, err := h.Describe(t.Context())
	if err != nil {
		t.Fatalf("Describe: %v", err)
	}
	return slices.Contains(d.Capabilities, capability)
}
