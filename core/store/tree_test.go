package store_test

import (
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tree is a models folder being built: path below it -> content. A path that
// ends in "/" is an empty folder; content that begins with "-> " is a link.
type tree map[string]string

// plant writes the tree into a new models folder and returns its path.
func plant(t testing.TB, files tree) string {
	t.Helper()
	models := filepath.Join(t.TempDir(), "models")
	grow(t, models, files)
	return models
}

// grow writes the tree into a folder.
func grow(t testing.TB, dir string, files tree) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		target, isLink := strings.CutPrefix(content, "-> ")
		var err error
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(file, 0o755)
		case isLink:
			must(t, os.MkdirAll(filepath.Dir(file), 0o755))
			err = os.Symlink(target, file)
		default:
			must(t, os.MkdirAll(filepath.Dir(file), 0o755))
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		must(t, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a store that the end of the test closes.
func open(t testing.TB, models string) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{Dir: models, Log: hclog.NewNullLogger()})
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

// plantAndOpen opens a store of a new tree.
func plantAndOpen(t testing.TB, files tree) *store.Store {
	t.Helper()
	return open(t, plant(t, files))
}

// model returns a model that has to be there.
func model(t testing.TB, s *store.Store, id string) *store.Model {
	t.Helper()
	m, err := s.Model(id)
	if err != nil {
		t.Fatalf("%v; there are %q", err, ids(s))
	}
	return m
}

// ids are the ids of all models, in order.
func ids(s *store.Store) []string {
	list := []string{}
	for _, m := range s.Models() {
		list = append(list, m.ID)
	}
	return list
}

// eventually waits until the store has become what is wanted.
func eventually(t testing.TB, s *store.Store, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s; there are %q", what, ids(s))
		}
		time.Sleep(time.Millisecond) // between two looks
	}
}

// names are the base names of files.
func names(files []string) []string {
	list := []string{}
	for _, file := range files {
		list = append(list, filepath.Base(file))
	}
	return list
}

// weights is a small GGUF file: a header without tensors.
var weights = ggufFile("llama", "general.name", "Tiny")

// ggufFile is the head of a GGUF file with further keys and texts.
func ggufFile(architecture string, pairs ...string) string {
	return ggufHead(append([]string{"general.architecture", architecture}, pairs...), architecture, 0)
}

// ggufHead is a GGUF header: texts, the context length, and a vocabulary of so
// many tokens.
func ggufHead(pairs []string, architecture string, tokens int) string {
	text := func(b []byte, s string) []byte {
		return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
	}
	number := binary.LittleEndian.AppendUint32
	keys := uint64(len(pairs)/2 + 1)
	if tokens > 0 {
		keys++
	}
	b := number([]byte("GGUF"), 3)
	b = binary.LittleEndian.AppendUint64(b, 0)
	b = binary.LittleEndian.AppendUint64(b, keys)
	for i := 0; i < len(pairs); i += 2 {
		b = text(number(text(b, pairs[i]), 8), pairs[i+1])
	}
	b = number(number(text(b, architecture+".context_length"), 4), 8192)
	if tokens > 0 {
		b = number(number(text(b, "tokenizer.ggml.tokens"), 9), 8)
		b = binary.LittleEndian.AppendUint64(b, uint64(tokens))
		for i := range tokens {
			b = text(b, strings.Repeat("t", 1+i%12))
		}
	}
	return string(b)
}

// ggufCounts is the head of a GGUF file with a number.
func ggufCounts(architecture, key string, n uint32) string {
	text := func(b []byte, s string) []byte {
		return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
	}
	number := binary.LittleEndian.AppendUint32
	b := binary.LittleEndian.AppendUint64(number([]byte("GGUF"), 3), 0)
	b = binary.LittleEndian.AppendUint64(b, 2)
	b = text(number(text(b, "general.architecture"), 8), architecture)
	return string(number(number(text(b, key), 4), n))
}

// longAgo sets the time of all files back, as if nobody had touched them lately.
func longAgo(t testing.TB, dir string) {
	t.Helper()
	then := time.Unix(1700000000, 0)
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chtimes(path, then, then)
	}))
}
