package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"github.com/enginebay/enginebay/core/store"
)

// TestFollow changes a tree step by step; after each step the index becomes what
// the step says, long before the sweep.
func TestFollow(t *testing.T) {
	type step struct {
		what string
		do   func(models string) error
		done func(s *store.Store) bool
	}
	has := func(want ...string) func(*store.Store) bool {
		return func(s *store.Store) bool { return reflect.DeepEqual(ids(s), append([]string{}, want...)) }
	}
	is := func(id string, check func(m *store.Model) bool) func(*store.Store) bool {
		return func(s *store.Store) bool {
			m, err := s.Model(id)
			return err == nil && check(m)
		}
	}
	put := func(name, content string) func(string) error {
		return func(models string) error {
			file := filepath.Join(models, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				return err
			}
			return os.WriteFile(file, []byte(content), 0o644)
		}
	}
	remove := func(name string) func(string) error {
		return func(models string) error { return os.RemoveAll(filepath.Join(models, name)) }
	}
	rename := func(from, to string) func(string) error {
		return func(models string) error { return os.Rename(filepath.Join(models, from), filepath.Join(models, to)) }
	}
	named := func(name string) func(m *store.Model) bool {
		return func(m *store.Model) bool { return m.Manifest.Name == name && m.Err == nil }
	}
	ready := func(m *store.Model) bool { return m.Ready }
	bad := func(m *store.Model) bool { return m.Err != nil }
	for name, c := range map[string]struct {
		files tree
		steps []step
	}{
		"a folder": {tree{}, []step{
			{"added", put("a/model.json", `{"engine": "api"}`), has("a")},
			{"changed", put("a/model.json", `{"engine": "api", "name": "A"}`), is("a", named("A"))},
			{"renamed", rename("a", "b"), has("b")},
			{"changed under its new name", put("b/model.json", `{"engine": "api", "name": "B"}`), is("b", named("B"))},
			{"removed", remove("b"), has()},
		}},
		"a folder in a folder": {tree{"author/a/model.json": `{"engine": "api"}`}, []step{
			{"changed", put("author/a/model.json", `{"engine": "api", "name": "A"}`), is("author/a", named("A"))},
			{"above it renamed", rename("author", "other"), has("other/a")},
			{"changed under its new name", put("other/a/model.json", `{"engine": "api", "name": "B"}`), is("other/a", named("B"))},
			{"another added", put("other/b/c/model.json", `{}`), has("other/a", "other/b/c")},
			{"removed", remove("other"), has()},
		}},
		"the whole folder": {tree{"a/model.json": `{"engine": "api"}`}, []step{
			{"moved away", rename(".", "../away"), has()},
			{"made anew", put("b/model.json", `{"engine": "api"}`), has("b")},
			{"changed", put("b/model.json", `{"engine": "api", "name": "B"}`), is("b", named("B"))},
			{"removed", remove("."), has()},
			{"made anew once more", put("c/model.json", `{"engine": "api"}`), has("c")},
		}},
		"a file": {tree{"a/x.json": `{}`}, []step{
			{"another added", put("a/y.json", `{}`), has("a/x", "a/y")},
			{"renamed", rename("a/y.json", "a/z.json"), has("a/x", "a/z")},
			{"removed", remove("a/x.json"), has("a")},
			{"half written", put("a/z.json", `{"name": "Z", "engine":`), is("a", bad)},
			{"wholly written", put("a/z.json", `{"name": "Z", "engine": "api"}`), is("a", named("Z"))},
			{"replaced by a rename", func(models string) error {
				if err := put("a/.new", `{"name": "Y", "engine": "api"}`)(models); err != nil {
					return err
				}
				return rename("a/.new", "a/z.json")(models)
			}, is("a", named("Y"))},
		}},
		"weights": {tree{"a/model.json": `{}`}, []step{
			{"added", put("a/x.gguf", weights), is("a", ready)},
			{"replaced", put("a/x.gguf", ggufFile("qwen3")), is("a", func(m *store.Model) bool { return m.Ready && m.Header.Architecture == "qwen3" })},
			{"spoilt", put("a/x.gguf", "nothing"), is("a", bad)},
			{"removed", remove("a/x.gguf"), is("a", func(m *store.Model) bool { return !m.Ready && len(m.Files) == 0 })},
			{"below", put("a/sub/x.gguf", "nothing"), is("a", bad)},
			{"named there", put("a/model.json", source("sub/x.gguf", "")), is("a", bad)},
			{"good there", put("a/sub/x.gguf", weights), is("a", ready)},
		}},
		"loose weights": {tree{}, []step{
			{"half here", put("x.gguf.part", "GGUF"), has()},
			{"no weights", put("README.md", "read me"), has()},
			{"here", rename("x.gguf.part", "x.gguf"), is("x", bad)},
			{"whole", put("x.gguf", weights), is("x", ready)},
			{"another", put("y.gguf", weights), has("x", "y")},
			{"gone", remove("x.gguf"), has("y")},
		}},
		"a folder named as weights are": {tree{}, []step{
			{"added", put("x.gguf/model.json", `{}`), has("x.gguf")},
			{"removed", remove("x.gguf"), has()},
		}},
		"a linked folder": {tree{"../out/model.json": `{}`}, []step{
			{"added", func(models string) error { return os.Symlink("../out", filepath.Join(models, "a")) }, has("a")},
			{"changed", put("../out/x.gguf", weights), is("a", ready)},
			{"removed", remove("a"), has()},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			models := plant(t, c.files)
			s := open(t, models)
			for _, step := range c.steps {
				must(t, step.do(models))
				eventually(t, s, step.what, func() bool { return step.done(s) })
			}
		})
	}
}

// TestSameModel: a model that did not change is the same before and after a scan,
// so that what was made of it is kept.
func TestSameModel(t *testing.T) {
	models := plant(t, tree{"a/model.json": `{}`, "a/x.gguf": weights, "b/x.gguf": weights, "c/model.json": `{"settings": 1}`})
	longAgo(t, models)
	s := open(t, models)
	before := s.Models()
	must(t, os.WriteFile(filepath.Join(models, "b", "x.gguf"), []byte(ggufFile("qwen3")), 0o644))
	must(t, s.Scan())
	after := s.Models()
	for i, changed := range []bool{false, true, false} {
		if (before[i] != after[i]) != changed {
			t.Errorf("%s: changed %v", after[i].ID, !changed)
		}
	}
}

// TestSameModelReadAgain: so is one that is read again because it was new.
func TestSameModelReadAgain(t *testing.T) {
	s := open(t, plant(t, tree{"a/model.json": `{"settings": {"ctx_len": 7}}`, "a/x.gguf": weights}))
	before := s.Models()
	must(t, s.Scan())
	if after := s.Models(); before[0] != after[0] {
		t.Error("it changed")
	}
}

// TestSameSizeSameTime: a change is found although the file keeps size and time.
func TestSameSizeSameTime(t *testing.T) {
	models := plant(t, tree{"a/model.json": `{"name": "one"}`})
	longAgo(t, models)
	s := open(t, models)
	file := filepath.Join(models, "a", "model.json")
	must(t, os.WriteFile(file+".new", []byte(`{"name": "two"}`), 0o644))
	must(t, os.Rename(file+".new", file))
	longAgo(t, models)
	must(t, s.Scan())
	if m := model(t, s, "a"); m.Manifest.Name != "two" {
		t.Errorf("it is still %s", m.Manifest.Name)
	}
}

// TestSameTick: a change right after a reading is found, too.
func TestSameTick(t *testing.T) {
	models := plant(t, tree{"a/model.json": `{"name": "one"}`})
	s := open(t, models)
	file := filepath.Join(models, "a", "model.json")
	info, err := os.Stat(file)
	must(t, err)
	must(t, os.WriteFile(file, []byte(`{"name": "two"}`), 0o644))
	must(t, os.Chtimes(file, info.ModTime(), info.ModTime()))
	must(t, s.Scan())
	if m := model(t, s, "a"); m.Manifest.Name != "two" {
		t.Errorf("it is still %s", m.Manifest.Name)
	}
}

// TestReadersDuringScans: who reads sees a whole index, always.
func TestReadersDuringScans(t *testing.T) {
	files := tree{}
	for i := range 20 {
		files[fmt.Sprintf("m%02d/model.json", i)] = `{"engine": "api"}`
	}
	models := plant(t, files)
	s := open(t, models)
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				list := s.Models()
				if len(list) != 20 {
					t.Errorf("%d models", len(list))
					return
				}
				if m, err := s.Model(list[7].ID); err != nil || len(m.JSON()) == 0 {
					t.Errorf("%v", err)
				}
			}
		})
	}
	for range 2 {
		writers.Go(func() {
			for range 30 {
				if err := s.Scan(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}
