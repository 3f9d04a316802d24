package main

import (
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestTable: each provider is in the README, and its key among what plugin.json asks for.
func TestTable(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Secrets map[string]struct{ From []string }
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range providers {
		if seen[p.name] || p.name == "" {
			t.Errorf("%q is there twice", p.name)
		}
		seen[p.name] = true
		if !strings.Contains(string(readme), `"provider": "`+p.name+`"`) || !strings.Contains(string(readme), p.variable) {
			t.Errorf("%s with %s is not in README.md", p.name, p.variable)
		}
		if from := manifest.Secrets[p.secret()].From; !slices.Contains(from, "env:"+p.variable) {
			t.Errorf("plugin.json has %v for the secret %s", from, p.secret())
		}
		if base, err := url.Parse(p.base); err != nil || p.name != "azure" && (p.local != (base.Scheme == "http") || base.Host == "" || strings.HasSuffix(p.base, "/")) {
			t.Errorf("%s is at %q", p.name, p.base)
		}
		if found, ok := named(strings.ToUpper(p.name)); !ok || found.name != p.name {
			t.Errorf("%s is not found by its name", p.name)
		}
		if len(p.headers) == 0 {
			t.Errorf("%s is not told who asks", p.name)
		}
	}
	for was, now := range older {
		if _, ok := named(was); !ok {
			t.Errorf("%s, now %s, is not found", was, now)
		}
	}
	// What core/store reads as this engine.
	for _, name := range []string{"openai", "azure", "azure_openai", "groq", "anthropic", "mistral", "martian", "openrouter", "cohere", "nvidia"} {
		if _, ok := named(name); !ok {
			t.Errorf("there is no provider %s, which older files name", name)
		}
	}
}

// TestSchema holds the settings that the schema describes and those that the plugin
// reads together, defaults included.
func TestSchema(t *testing.T) {
	var schema struct {
		Properties map[string]struct {
			Default json.RawMessage `json:"default"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(settingsSchema, &schema); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(usual())
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range fields {
		if _, ok := schema.Properties[name]; !ok {
			t.Errorf("%s is read, and not in settings.schema.json", name)
		}
		if !strings.Contains(string(readme), "`"+name+"`") {
			t.Errorf("%s is not in README.md", name)
		}
	}
	for name, property := range schema.Properties {
		if _, ok := fields[name]; !ok {
			t.Errorf("%s is in settings.schema.json, and nothing reads it", name)
		}
		if len(property.Default) > 0 {
			given := settings{}
			if err := json.Unmarshal([]byte("{"+strconv.Quote(name)+":"+string(property.Default)+"}"), &given); err != nil {
				t.Errorf("default of %s: %v", name, err)
			}
			var got map[string]json.RawMessage
			text, _ := json.Marshal(given)
			if err := json.Unmarshal(text, &got); err != nil || string(got[name]) != string(fields[name]) {
				t.Errorf("default of %s is %s, and without the schema %s", name, got[name], fields[name])
			}
		}
	}
}
