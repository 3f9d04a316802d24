package api_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/api"
)

// TestWith: defaults fill in what a body lacks, and change nothing else of it.
func TestWith(t *testing.T) {
	defaults := map[string]any{"temperature": json.Number("0.5"), "stop": []any{"<end>"}, "max_tokens": json.Number("9")}
	for name, test := range map[string]struct{ body, want string }{
		"nothing but the model": {`{"model":"m"}`, `{"model":"m","temperature":0.5,"stop":["<end>"],"max_tokens":9}`},
		"given":                 {`{"model":"m","temperature":1,"stop":null}`, `{"model":"m","temperature":1,"stop":["<end>"],"max_tokens":9}`},
		"null without a default": {`{"model":"m","seed":null,"stop":[],"temperature":0}`,
			`{"model":"m","seed":null,"stop":[],"temperature":0,"max_tokens":9}`},
		"the newer name of a default": {`{"model":"m","max_completion_tokens":5,"temperature":1,"stop":1}`, `{"model":"m","max_completion_tokens":5,"temperature":1,"stop":1}`},
		"a name in disguise":          {`{"model":"m","t\u0065mperature":2,"stop":"x"}`, `{"model":"m","temperature":2,"stop":"x","max_tokens":9}`},
		"space and nesting":           {" {\n \"model\" : \"m\" , \"messages\" : [ { \"a\" : {} } ] } ", `{"model":"m","messages":[{"a":{}}],"temperature":0.5,"stop":["<end>"],"max_tokens":9}`},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := api.With(test.body, defaults)
			if err != nil {
				t.Fatal(err)
			}
			var got, want any
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			_ = json.Unmarshal([]byte(test.want), &want)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %s, want %s", body, test.want)
			}
		})
	}
}

// TestDeepBodies: a body of brackets would overflow a parser that recurses, and
// a stack that overflows ends the process.
func TestDeepBodies(t *testing.T) {
	for _, depth := range []int{9_000, 20_000_000} {
		body := `{"model":"m","a":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
		if _, err := api.With(body, nil); (err != nil) != (depth > 10_000) {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
}
