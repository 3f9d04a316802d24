package store_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

func TestPatch(t *testing.T) {
	const before = `{"name": "A", "settings": {"ctx_len": 10, "api_key": "env:KEY", "x": {"a": 1, "b": 2}}, "parameters": {"stop": ["a", "b"], "max_tokens": 5}, "x_theirs": [1.50]}`
	for name, c := range map[string]struct{ patch, want, refused string }{
		"nothing":                    {`{}`, `{"name":"A","settings":{"api_key":"env:KEY","ctx_len":10,"x":{"a":1,"b":2}},"parameters":{"max_tokens":5,"stop":["a","b"]},"x_theirs":[1.50]}`, ""},
		"a value, and one below":     {`{"name": "B", "settings": {"ctx_len": 20}}`, `{"name":"B","settings":{"api_key":"env:KEY","ctx_len":20,"x":{"a":1,"b":2}},"parameters":{"max_tokens":5,"stop":["a","b"]},"x_theirs":[1.50]}`, ""},
		"null takes away":            {`{"settings": {"x": {"a": null}, "api_key": null}, "parameters": null, "x_theirs": null}`, `{"name":"A","settings":{"ctx_len":10,"x":{"b":2}}}`, ""},
		"lists are replaced":         {`{"settings": null, "parameters": {"stop": ["c"]}, "x_theirs": null}`, `{"name":"A","parameters":{"max_tokens":5,"stop":["c"]}}`, ""},
		"objects for what is none":   {`{"settings": null, "parameters": null, "x_theirs": {"a": {"b": 1, "c": null}}}`, `{"name":"A","x_theirs":{"a":{"b":1}}}`, ""},
		"a secret as it was shown":   {`{"settings": {"api_key": "(hidden)", "x": null}, "parameters": null, "x_theirs": null}`, `{"name":"A","settings":{"api_key":"env:KEY","ctx_len":10}}`, ""},
		"a number as a text":         {`{"settings": {"ctx_len": "30", "x": null, "api_key": null}, "parameters": null, "x_theirs": null}`, `{"name":"A","settings":{"ctx_len":30}}`, ""},
		"an older name":              {`{"settings": null, "parameters": {"stop": null, "max_tokens": null, "token_limit": 9}, "x_theirs": null}`, `{"name":"A","parameters":{"max_tokens":9}}`, ""},
		"an older name beside it":    {`{"parameters": {"token_limit": 9}}`, "", "/parameters/token_limit: expected only /parameters/max_tokens, which counts"},
		"a wrong type":               {`{"settings": {"ctx_len": "many"}}`, "", `/settings/ctx_len: expected an integer ≥ 0, got "many"`},
		"a wrong type of all":        {`{"settings": 7}`, "", "/settings: expected an object, got 7"},
		"a file outside of the home": {`{"sources": [{"filename": "../../etc/passwd"}]}`, "", "/sources/0/filename: expected a path inside the folder"},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := readText(t, before)
			doc, err := schemas.Parse("patch", []byte(c.patch))
			must(t, err)
			got, err := store.Patch(m, doc.Value)
			if c.refused != "" {
				if err == nil || !strings.HasPrefix(err.Error(), c.refused) {
					t.Errorf("got %v, want %s", err, c.refused)
				}
				return
			}
			must(t, err)
			if text, _ := json.Marshal(got); string(text) != c.want {
				t.Errorf("got\n%s, want\n%s", text, c.want)
			}
		})
	}
}

// TestPatchBounds: what could not be read again is not written.
func TestPatchBounds(t *testing.T) {
	if _, err := store.Patch(sdk.Manifest{}, map[string]any{"description": strings.Repeat("x", 1<<20)}); err == nil || !strings.Contains(err.Error(), "at most 1048576 bytes") {
		t.Errorf("got %v", err)
	}
}
