package store_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

var update = flag.Bool("update", false, "write the golden documents")

// shapes returns the documents of testdata/shapes.
func shapes(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.json", "*.yml"} {
		found, err := filepath.Glob(filepath.Join("testdata", "shapes", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			if !strings.HasSuffix(file, ".golden.json") {
				files = append(files, file)
			}
		}
	}
	if len(files) == 0 {
		t.Fatal("no shapes")
	}
	return files
}

// read reads a model file by its extension.
func read(t *testing.T, file string) (sdk.Manifest, schemas.Problems, error) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parse := schemas.Parse
	if filepath.Ext(file) == ".yml" {
		parse = schemas.ParseYAML
	}
	doc, err := parse(filepath.Base(file), text)
	if err != nil {
		return sdk.Manifest{}, nil, err
	}
	return store.ReadManifest(doc)
}

func readText(t *testing.T, text string) (sdk.Manifest, schemas.Problems) {
	t.Helper()
	doc, err := schemas.Parse("model.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m, warnings, err := store.ReadManifest(doc)
	if err != nil {
		t.Fatal(err)
	}
	return m, warnings
}

func write(t *testing.T, m sdk.Manifest) string {
	t.Helper()
	text, err := store.WriteManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if got != "" {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%swant\n%s", file, got, want)
	}
}
