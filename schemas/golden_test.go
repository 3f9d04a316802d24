package schemas_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/schemas"
)

var update = flag.Bool("update", false, "write what is said about the golden documents")

// TestGolden reads testdata/valid and testdata/invalid. A document is named
// KIND-WHAT.json; WHAT.txt beside it holds what is said about it, and is absent
// where nothing is.
func TestGolden(t *testing.T) {
	for _, folder := range []string{"valid", "invalid"} {
		files, err := filepath.Glob(filepath.Join("testdata", folder, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no documents in %s: %v", folder, err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			t.Run(folder+"/"+name, func(t *testing.T) {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				said, ok := read(t, name, data)
				if ok != (folder == "valid") {
					t.Errorf("read as valid: %t, in %s\n%s", ok, folder, said)
				}
				compare(t, strings.TrimSuffix(file, ".json")+".txt", said)
			})
		}
	}
}

// read returns everything that is said about a document, one line each, and
// whether it is valid.
func read(t *testing.T, name string, data []byte) (said string, valid bool) {
	t.Helper()
	kind, _, _ := strings.Cut(name, "-")
	schema := map[string]*schemas.Schema{
		"model": schemas.Model(), "deployment": schemas.Deployment(), "plugin": schemas.Plugin(), "config": schemas.Config(),
		"index": schemas.Index(), "registries": schemas.Registries(),
	}[kind]
	doc, err := schemas.Parse(name+".json", data)
	if err != nil {
		if problems := (schemas.Problems{}); !errors.As(err, &problems) {
			t.Errorf("not Problems: %v", err)
		}
		return err.Error() + "\n", false
	}
	problems := doc.Validate(schema)
	var lines strings.Builder
	for _, p := range append(append(doc.Warnings, problems...), doc.Hints(schema)...) {
		lines.WriteString(p.Error() + "\n")
	}
	return lines.String(), problems.Err() == nil
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
		t.Errorf("said:\n%swant:\n%s", got, want)
	}
}
