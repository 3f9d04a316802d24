package schemas_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/enginebay/enginebay/schemas"
)

// FuzzParse wants that no text makes the reader or the validator panic, that
// every error has a place in the file, and that what was read can be written and
// read again.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, err := schemas.Parse("x.json", text)
		if err != nil {
			p := err.(schemas.Problems)[0]
			if p.Line < 1 && len(text) <= 1<<20 || p.Expected == p.Got {
				t.Errorf("no good place: %v", err)
			}
			return
		}
		checkDocument(t, doc)
	})
}

// FuzzParseYAML wants the same of YAML.
func FuzzParseYAML(f *testing.F) {
	for _, text := range []string{"a: 1\nb: [x, 'y']\n", "a: &x 1\nb: *x", "? a\n: - b\n", "a: |\n  text\n", "{a: 0x1F, b: .5, c: 1_0}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if doc, err := schemas.ParseYAML("x.yml", text); err == nil {
			checkDocument(t, doc)
		}
	})
}

func checkDocument(t *testing.T, doc *schemas.Document) {
	t.Helper()
	for _, p := range append(doc.Validate(schemas.Model()), doc.Hints(schemas.Model())...) {
		if p.Line < 1 || len([]rune(p.Got)) > 60 {
			t.Errorf("problem %+v", p)
		}
	}
	schemas.Model().Coerce(doc.Value)
	text, err := json.Marshal(doc.Value)
	if err != nil {
		t.Fatal(err)
	}
	again, err := schemas.Parse("again.json", text)
	if err != nil {
		if len(text) > 1<<20 {
			return
		}
		t.Fatalf("%v in %s", err, text)
	}
	if !reflect.DeepEqual(again.Value, doc.Value) {
		t.Errorf("read  %v\nagain %v", doc.Value, again.Value)
	}
}
