package store_test

import (
	"os"
	"reflect"
	"testing"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
)

// FuzzReadManifest wants that no document makes the reader panic, and that a
// canonical form reads back as it was.
func FuzzReadManifest(f *testing.F) {
	files, err := os.ReadDir("testdata/shapes")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile("testdata/shapes/" + file.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, err := schemas.Parse("model.json", text)
		if err != nil {
			return
		}
		m, _, err := store.ReadManifest(doc)
		if err != nil {
			return
		}
		canonical := write(t, m)
		again, _ := readText(t, canonical)
		if !reflect.DeepEqual(again, m) {
			t.Errorf("read  %#v\nagain %#v\nof %s", m, again, canonical)
		}
	})
}
