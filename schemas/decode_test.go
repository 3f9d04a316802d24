package schemas_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/schemas"
)

// TestDecodeByTheLetter: what the schema has not seen is not read, also in what a
// map holds.
func TestDecodeByTheLetter(t *testing.T) {
	var v struct {
		Publishers map[string]struct {
			Keys []string `json:"keys"`
		} `json:"publishers"`
	}
	s, err := schemas.Compile([]byte(`{"properties": {"publishers": {"additionalProperties": {"properties": {"keys": {"items": {"pattern": "^RW"}}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	text := `{"publishers": {"me": {"keys": ["RW1"], "Keys": ["none"], "KEYS": ["none"]}}}`
	if err := schemas.Decode(s, "x.json", []byte(text), &v); err != nil || len(v.Publishers["me"].Keys) != 1 || v.Publishers["me"].Keys[0] != "RW1" {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestDecodeLarge(t *testing.T) {
	var text strings.Builder
	text.WriteString(`{"name": "main", "serial": 1, "created": "2026-01-01T00:00:00Z", "expires": "2026-01-01T00:00:00Z", "publishers": {}, "plugins": {`)
	for i := 0; text.Len() < 2<<20; i++ {
		fmt.Fprintf(&text, `"me/plugin-%d": {"kinds": ["engine"], "description": "%s", "versions": {}},`, i, strings.Repeat("x", 900))
	}
	text.WriteString(`"me/last": {"kinds": ["engine"], "versions": {}}}}`)
	var v struct{ Plugins map[string]any }
	if err := schemas.DecodeLarge(schemas.Index(), "index.json", []byte(text.String()), 4<<20, &v); err != nil || len(v.Plugins) < 2000 {
		t.Errorf("%d plugins, %v", len(v.Plugins), err)
	}
	for most, words := range map[int]string{text.Len() - 1: "at most"} {
		if err := schemas.DecodeLarge(schemas.Index(), "index.json", []byte(text.String()), most, &v); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%d: %v", most, err)
		}
	}
	if err := schemas.Decode(schemas.Index(), "index.json", []byte(text.String()), &v); err == nil {
		t.Error("a file that people write may be as large")
	}
}
