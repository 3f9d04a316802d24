package sdktest

import (
	"encoding/json"
	"slices"

	"github.com/enginebay/enginebay/schemas"
)

// draft is what a settings schema may name as its own; it may also name none.
const draft = "https://json-schema.org/draft/2020-12/schema"

// schema: the core can check settings with the plugin's schema, and people can read it.
func (w *work) schema(t T) {
	d, err := w.start(t).Describe(t.Context())
	if err != nil {
		t.Fatalf("Describe: %v", err)
	}
	if len(d.Settings) == 0 {
		t.Skipf("the plugin takes no settings")
	}
	if _, err := schemas.Compile(d.Settings); err != nil {
		t.Errorf("the settings' schema: %v", err)
	}
	var s settings
	if err := json.Unmarshal(d.Settings, &s); err != nil {
		t.Fatalf("the settings' schema: %v", err)
	}
	if s.Schema != "" && s.Schema != draft {
		t.Errorf("the settings' schema is of %q; the core reads %s", s.Schema, draft)
	}
	if s.Type != "object" {
		t.Errorf("the settings' schema has type %q, and settings are an object", s.Type)
	}
	for name, p := range s.Properties {
		if p.Description == "" {
			t.Errorf("setting %s has no description", name)
		}
		if !slices.Contains([]string{"", "deployment", "guarded"}, p.Scope) {
			t.Errorf("setting %s has the x-scope %q; there are only \"deployment\" and \"guarded\"", name, p.Scope)
		}
	}
}

// settings are what the suite reads of a schema.
type settings struct {
	Schema     string              `json:"$schema"`
	Type       string              `json:"type"`
	Properties map[string]property `json:"properties"`
}

type property struct {
	Type        any    `json:"type"`
	Description string `json:"description"`
	Default     any    `json:"default"`
	Scope       string `json:"x-scope"`
}
