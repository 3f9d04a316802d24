package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/schemas"
)

// TestSettingsAreTheSchemas: what the program knows is what the schema describes.
func TestSettingsAreTheSchemas(t *testing.T) {
	if known, described := slices.Sorted(slices.Values(settingKeys())), schemas.Config().Properties(); !slices.Equal(known, described) {
		t.Fatalf("the program knows %v,\nand the schema describes %v", known, described)
	}
	standard := schemas.Config().Defaults()
	for _, key := range settingKeys() {
		if standard[key] == nil {
			t.Errorf("%s has no default", key)
		}
		about := schemas.Config().Description(key)
		if strings.Contains(about, "Takes effect at the next start.") != needsRestart(key) {
			t.Errorf("%s needs a restart: %t, and the schema says %q", key, needsRestart(key), about)
		}
	}
}

// TestSettingsExample: examples/enginebay.yaml has every setting with its default.
func TestSettingsExample(t *testing.T) {
	var want bytes.Buffer
	if err := printExample(&want); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, "examples", configFile))
	if err != nil || string(got) != want.String() {
		t.Fatalf("examples/%s is out of date (%v); write it with: build/enginebay config example > examples/%s", configFile, err, configFile)
	}
	if doc, err := schemas.ParseYAML(configFile, got); err != nil || len(doc.Value) != 0 {
		t.Errorf("as it is, the example sets %v (%v)", doc.Value, err)
	}
	lines := regexp.MustCompile(`(?m)^#(\w)`).ReplaceAll(got, []byte("$1"))
	doc, err := schemas.ParseYAML(configFile, lines)
	if err != nil {
		t.Fatal(err)
	}
	if standard := schemas.Config().Defaults(); !reflect.DeepEqual(doc.Value, standard) {
		t.Errorf("the example says  %v\nthe defaults are %v", doc.Value, standard)
	}
}

// TestSettingsFromText reads flags and variables of the environment.
func TestSettingsFromText(t *testing.T) {
	for _, test := range []struct {
		key, text string
		want      any    // of the field
		refused   string // a part of why
	}{
		{"addr", "http://localhost:80/", "localhost:80", ""},
		{"addr", "[::1]:0", "[::1]:0", ""},
		{"addr", ":1337", ":1337", ""},
		{"addr", "1337", nil, `expected an address HOST:PORT such as 127.0.0.1:1337, got "1337"`},
		{"origins", "https://a.example,http://b.example:3000", []string{"https://a.example", "http://b.example:3000"}, ""},
		{"origins", "a.example", nil, "expected an origin such as"},
		{"origins", `"`, nil, "commas between them"},
		{"plugin_dirs", `"a,b",c`, []string{"a,b", "c"}, ""},
		{"log_levels", "api=debug,plugin.x=warn", map[string]string{"api": "debug", "plugin.x": "warn"}, ""},
		{"log_levels", "api", nil, "expected one of"},
		{"log_level", "loud", nil, `expected one of "trace", "debug", "info", "warn", "error", got "loud"`},
		{"keep_alive", "1m", lasting(time.Minute), ""},
		{"keep_alive", "forever", lasting(core.Forever), ""},
		{"keep_alive", "999999h", nil, "expected a time"},
		{"keep_alive", "-1m", nil, "expected a time such as 30m, or forever"},
		{"load_timeout", "forever", nil, "expected a time such as 10m"},
		{"keep_responses", "720h", lasting(30 * 24 * time.Hour), ""},
		{"keep_responses", "forever", lasting(core.Forever), ""},
		{"keep_responses", "0h", nil, "expected a time in hours such as 720h, or forever"},
		{"max_loaded", "2", 2, ""},
		{"max_loaded", "two", nil, `expected an integer from 0 to 10000, got "two"`},
		{"memory_budget", "auto", budget{percent: 90}, ""},
		{"memory_budget", "80%", budget{percent: 80}, ""},
		{"memory_budget", "off", budget{}, ""},
		{"memory_budget", "12GB", budget{bytes: 12_000_000_000}, ""},
		{"memory_budget", "1.5 GiB", budget{bytes: 3 << 29}, ""},
		{"memory_budget", "101%", nil, "expected a size such as 12GB"},
		{"max_body", "999999TB", size(999_999_000_000_000_000), ""},
		{"max_body", "64", nil, "expected a size such as 64MB"},
	} {
		t.Run(test.key+" "+test.text, func(t *testing.T) {
			v, err := fromText(test.key, test.text)
			if test.refused != "" {
				if err == nil || !strings.Contains(err.Error(), test.refused) {
					t.Errorf("%v, %v", v, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			all := values{test.key: {Value: v}}
			s, err := all.settings()
			if field := reflect.ValueOf(s).Field(slices.Index(settingKeys(), test.key)).Interface(); err != nil || !reflect.DeepEqual(field, test.want) {
				t.Errorf("got %#v, %v", field, err)
			}
		})
	}
}

// TestSettingsShown prints a value as the file would have it.
func TestSettingsShown(t *testing.T) {
	for want, v := range map[string]any{
		"30m": "30m", `""`: "", "64": json.Number("64"), "[]": []any{}, "[a, b]": []any{"a", "b"},
		"{}": map[string]any{}, "{api: debug}": map[string]any{"api": "debug"}, `"true"`: "true",
	} {
		if got, err := asYAML(v); got != want || err != nil {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}
