package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// A Store is the models folder and its index. All methods may be called
// concurrently; what they return must not be changed.
type Store struct {
	dir   string
	log   hclog.Logger
	cache *cache
	index atomic.Pointer[index]

	mu      sync.Mutex          // one scan at a time
	folders map[string][]*Model // by top-level folder; "" are the loose weights
	watch   *watcher
}

// index is one state of the store. A new one takes its place when a folder changes.
type index struct {
	models []*Model
	byID   map[string]*Model
}

// Open reads the models folder, making it where it is not there, and follows it
// until Close.
func Open(dir string, log hclog.Logger) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make models folder: %w", err)
	}
	s := &Store{dir: dir, log: log, cache: newCache(), folders: map[string][]*Model{}}
	if err := s.Scan(); err != nil {
		return nil, err
	}
	s.watch = follow(s)
	return s, nil
}

// Close ends the following.
func (s *Store) Close() { s.watch.close() }

// Dir returns the absolute path of the models folder.
func (s *Store) Dir() string { return s.dir }

// Models returns all models, broken ones included, in the order of their ids.
func (s *Store) Models() []*Model { return s.index.Load().models }

// Model returns the model of an id. A folder's only model answers to
// FOLDER/FILE too, as the oldest ids were. [sdk.CodeNotFound]: there is none.
func (s *Store) Model(id string) (*Model, error) {
	ix := s.index.Load()
	if m, ok := ix.byID[id]; ok {
		return m, nil
	}
	if dir, file, ok := cutLast(id); ok {
		if m, ok := ix.byID[dir]; ok && m.File != "" && strings.TrimSuffix(filepath.Base(m.File), filepath.Ext(m.File)) == file {
			return m, nil
		}
	}
	return nil, sdk.Errorf(sdk.CodeNotFound, "The model '%s' does not exist%s", printable(id), ix.nearest(id))
}

func cutLast(id string) (dir, file string, ok bool) {
	i := strings.LastIndexByte(id, '/')
	if i < 0 {
		return "", "", false
	}
	return id[:i], id[i+1:], true
}

func (ix *index) nearest(id string) string {
	names := make([]string, len(ix.models))
	for i, m := range ix.models {
		names[i] = m.ID
	}
	if near := schemas.Nearest(id, names); near != "" {
		return fmt.Sprintf("; did you mean '%s'?", near)
	}
	return "; GET /v1/models lists those that do"
}

func printable(id string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, id[:min(len(id), 200)])
}

// Header reads the whole header of a model's first file, the chat template included.
func (s *Store) Header(m *Model) (*gguf.Header, error) {
	if m.Header == nil {
		return nil, nil
	}
	return gguf.Read(m.Files[0])
}

// Scan reads the whole folder again.
func (s *Store) Scan() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("read models folder: %w", err)
	}
	names := []string{""}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && (e.IsDir() || e.Type()&fs.ModeSymlink != 0) {
			names = append(names, e.Name())
		}
	}
	found := make([][]*Model, len(names))
	var group errgroup.Group
	group.SetLimit(2 * runtime.GOMAXPROCS(0)) // half of the time goes into waiting for the disk
	for i, name := range names {
		group.Go(func() error {
			found[i] = s.scanFolder(name)
			return nil
		})
	}
	_ = group.Wait()
	s.folders = make(map[string][]*Model, len(names))
	for i, name := range names {
		s.folders[name] = found[i]
	}
	s.rebuild()
	s.cache.forget(func(file string) bool { _, err := os.Stat(file); return !errors.Is(err, fs.ErrNotExist) })
	return nil
}

// rescan reads some top-level folders again.
func (s *Store) rescan(names map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range names {
		if models := s.scanFolder(name); models != nil {
			s.folders[name] = models
		} else {
			delete(s.folders, name)
		}
	}
	s.rebuild()
}

// rebuild makes a new index of all folders. Of two models with one id the first
// counts, and the other is listed beside it with what is wrong.
func (s *Store) rebuild() {
	ix := &index{byID: map[string]*Model{}}
	for _, models := range s.folders {
		ix.models = append(ix.models, models...)
	}
	sortModels(ix.models)
	for _, m := range ix.models {
		if first, taken := ix.byID[m.ID]; taken {
			s.log.Warn("two models have one id; the second is not used", "id", m.ID, "first", s.show(first.Dir), "second", s.show(m.Dir))
			continue
		}
		ix.byID[m.ID] = m
	}
	if len(ix.byID) < len(ix.models) {
		ix.models = ix.models[:0]
		for _, m := range ix.byID {
			ix.models = append(ix.models, m)
		}
		sortModels(ix.models)
	}
	for _, m := range ix.models {
		if _, taken := ix.byID[m.alias]; m.alias != "" && !taken {
			ix.byID[m.alias] = m
		}
	}
	s.index.Store(ix)
}
