package local_test

import (
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/local"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tree is path -> content; "-> " begins a link.
type tree map[string]string

// grow writes a tree into a folder. "HERE" in a text is the folder's path.
func grow(t testing.TB, dir string, files tree) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		if target, isLink := strings.CutPrefix(content, "-> "); isLink {
			must(t, os.Symlink(target, file))
			continue
		}
		must(t, os.WriteFile(file, []byte(strings.ReplaceAll(content, "HERE", filepath.ToSlash(dir))), 0o644))
	}
}

// planted is the path of a new folder with a tree in it.
func planted(t testing.TB, files tree) string {
	t.Helper()
	dir := t.TempDir()
	grow(t, dir, files)
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open makes an empty store.
func open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{Dir: filepath.Join(t.TempDir(), "models"), Log: hclog.NewNullLogger()})
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

// guide is a real GGUF file.
func guide(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("../../examples/models/tiny-guide/tiny-guide.gguf")
	must(t, err)
	return string(data)
}

// weights and projector are GGUF files with nothing but a head.
var weights, projector = head("llama"), head("clip")

func head(architecture string) string {
	text := func(b []byte, s string) []byte {
		return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
	}
	b := binary.LittleEndian.AppendUint32([]byte("GGUF"), 3)
	b = binary.LittleEndian.AppendUint64(b, 0)
	b = binary.LittleEndian.AppendUint64(b, 2)
	b = text(binary.LittleEndian.AppendUint32(text(b, "general.architecture"), 8), architecture)
	b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(text(b, architecture+".context_length"), 4), 4096)
	return string(b)
}

// files is what lies below a folder, hidden folders left out.
func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch rel, _ := filepath.Rel(dir, path); {
		case err != nil:
			return err
		case !e.IsDir():
			names = append(names, filepath.ToSlash(rel))
		}
		return nil
	}))
	slices.Sort(names)
	return names
}

// nowhere is an environment without other tools.
func nowhere(t testing.TB) local.Env {
	return local.Env{Home: t.TempDir(), Get: func(string) string { return "" }, System: "linux"}
}

// one resolves a ref that names one model.
func one(t testing.TB, ref string) local.Found {
	t.Helper()
	found, err := local.Resolve(sdk.Ref(ref), nowhere(t))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %d found, %v", ref, len(found), err)
	}
	return found[0]
}

// bring imports what a path holds, which is one model.
func bring(t testing.TB, s *store.Store, path string, o local.Options) (ids []string, err error) {
	t.Helper()
	found, err := local.Resolve(sdk.Ref(path), nowhere(t))
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		some, err := local.Import(t.Context(), s, f, o, nil)
		if err != nil {
			return ids, err
		}
		ids = append(ids, some...)
	}
	return ids, nil
}

// model is a model that must be there, and ready.
func model(t testing.TB, s *store.Store, id string) *store.Model {
	t.Helper()
	m, err := s.Model(id)
	must(t, err)
	if !m.Ready {
		t.Errorf("%s is not ready: missing %q, %v", id, m.Missing, m.Err)
	}
	return m
}

// untouched fails a test that has left something in the models folder.
func untouched(t testing.TB, s *store.Store, want ...string) {
	t.Helper()
	if got := files(t, s.Dir()); !slices.Equal(got, want) {
		t.Errorf("the models folder holds %q, want %q", got, want)
	}
}
