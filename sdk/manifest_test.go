package sdk_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// TestManifestRoundTrip: what is read is written back, byte for byte.
func TestManifestRoundTrip(t *testing.T) {
	tests := map[string]string{
		"empty": `{}`,
		"full": `{"id":"a/b","object":"model","name":"A <b> & c","version":"1.0","created":1700000000,"owned_by":"me","description":"é ✓","format":"gguf",` +
			`"sources":[{"filename":"w.gguf","url":"https://x/w.gguf?a=1&b=2","sha256":"ab","size":9007199254740993}],"engine":"llamacpp",` +
			`"settings":{"ctx_len":4096},"parameters":{"stop":["</s>"]},"metadata":{"tags":["t"]},"assets":["a.png"]}`,
		"unknown keys":      `{"name":"n","aaa":{"b":[1,null,true,"x"]},"zzz":null}`,
		"unknown and empty": `{"future":{},"later":[],"text":"","zero":0}`,
		"source extras":     `{"sources":[{"filename":"w","etag":"\"5\"","mirror":["a"]}]}`,
		"targets":           `{"targets":[{"engine":"a","settings":{"x":1},"weight":0.5},{"model":"b","note":"c"}],"routing":"spread","timeout":"20s","cool_down":"1m"}`,
		"exact case":        `{"name":"n","Id":"other","NAME":"N","Name":"m"}`,
		"big numbers":       `{"settings":{"seed":18446744073709551615},"metadata":{"n":1e400,"size":12345678901234567890},"serial":0.1000000000000000055511151231257827}`,
		"odd names":         `{"":1,"a\"b":2,"é<":3}`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			var m sdk.Manifest
			if err := json.Unmarshal([]byte(text), &m); err != nil {
				t.Fatal(err)
			}
			got, err := m.MarshalJSON() // json.Marshal itself would escape "<"
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != text {
				t.Errorf("\n got %s\nwant %s", got, text)
			}
		})
	}
}

func TestManifestReadsExactNames(t *testing.T) {
	var m sdk.Manifest
	if err := json.Unmarshal([]byte(`{"NAME": "wrong", "name": "right", "Engine": "wrong"}`), &m); err != nil {
		t.Fatal(err)
	}
	want := sdk.Manifest{Name: "right", Extra: map[string]any{"NAME": "wrong", "Engine": "wrong"}}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got %+v, want %+v", m, want)
	}
}

// TestManifestExtraCannotOverrule: a known name in Extra is not written twice.
func TestManifestExtraCannotOverrule(t *testing.T) {
	got, err := sdk.Manifest{Name: "right", Extra: map[string]any{"name": "wrong", "more": 1}}.MarshalJSON()
	if want := `{"name":"right","more":1}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

func TestManifestIsReset(t *testing.T) {
	m := sdk.Manifest{Name: "old", Extra: map[string]any{"a": 1}}
	if err := json.Unmarshal([]byte(`{"id":"new"}`), &m); err != nil {
		t.Fatal(err)
	}
	if want := (sdk.Manifest{ID: "new"}); !reflect.DeepEqual(m, want) {
		t.Errorf("got %+v, want %+v", m, want)
	}
}

func TestManifestRefuses(t *testing.T) {
	for _, text := range []string{`[]`, `"x"`, `1`, `{"name": 5}`, `{"sources": {}}`, `{"created": "today"}`, `{"settings": []}`, `{"sources": [{"size": "7B"}]}`} {
		var m sdk.Manifest
		if err := json.Unmarshal([]byte(text), &m); err == nil {
			t.Errorf("%s was read as %+v", text, m)
		}
	}
}
