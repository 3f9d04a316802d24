package store

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// A Store is the folders of models and their index. All methods may be called
// concurrently; what they return must not be changed.
type Store struct {
	dir   string  // in which models are made: that of the first root
	roots []*root // what they are is written once; what they hold, under mu
	watch *watcher
	cache cache
	drops *dropIns
	index atomic.Pointer[index]

	mu      sync.Mutex   // one scan, and one change by ourselves, at a time
	changed func(Change) // called for each change of the index
}

// index is one state of the store. A new one takes its place when a folder changes.
type index struct {
	models []*Model
	byID   map[string]*Model
}

// Open reads the models folder, making it where it is not there, and the further
// ones, and follows them until Close.
func Open(c Config) (*Store, error) {
	roots, err := newRoots(c)
	if err != nil {
		return nil, err
	}
	dir := roots[0].dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make models folder: %w", err)
	}
	s := &Store{dir: dir, roots: roots, watch: newWatcher(c.Log), drops: newDropIns()}
	s.sweep()

	err = s.Scan()
	go s.watch.run(s)
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// A Change is what became different between two states of the store: ids of models.
type Change struct{ Added, Changed, Removed []string }

// OnChange has f called with each change from now on. f must not block for long,
// and must not call the store's own changes.
func (s *Store) OnChange(f func(Change)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = f
}

// Close ends the following.
func (s *Store) Close() { s.watch.close() }

// Dir returns the absolute path of the models folder.
func (s *Store) Dir() string { return s.dir }

// Models returns all models, broken ones included, in the order of their ids.
func (s *Store) Models() []*Model { return s.index.Load().models }

// Model returns the model of an id. A folder's only model answers to
// FOLDER/FILE too, as the oldest ids were. A folder that came a moment ago, and is
// not in the index yet, is read now. [sdk.CodeNotFound]: there is none.
func (s *Store) Model(id string) (*Model, error) {
	ix := s.index.Load()
	m := ix.model(id)
	if folder := top(id); m == nil && ValidID(id) && !known(ix, folder) && isFolder(filepath.Join(s.dir, folder)) {
		if err := s.rescan(place{s.roots[0], folder}); err == nil {
			ix = s.index.Load()
			m = ix.model(id)
		}
	}
	if m != nil {
		return m, nil
	}
	return nil, ix.missing(id)
}

func (ix *index) model(id string) *Model {
	if m, ok := ix.byID[id]; ok {
		return m
	}
	if dir, file, ok := cutLast(id); ok {
		if m, ok := ix.byID[dir]; ok && m.File != "" && Sanitized(stem(filepath.Base(m.File))) == file {
			return m
		}
	}
	return nil
}

// known says whether the index has a model of a top-level folder.
func known(ix *index, folder string) bool {
	i, found := slices.BinarySearchFunc(ix.models, folder, func(m *Model, id string) int { return cmp.Compare(m.ID, id) })
	return found || i < len(ix.models) && strings.HasPrefix(ix.models[i].ID, folder+"/")
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func cutLast(id string) (dir, file string, ok bool) {
	i := strings.LastIndexByte(id, '/')
	if i < 0 {
		return "", "", false
	}
	return id[:i], id[i+1:], true
}

func (ix *index) missing(id string) error {
	return sdk.Errorf(sdk.CodeNotFound, "The model '%s' does not exist%s", printable(id), ix.nearest(id))
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

// rebuild makes a new index of all folders. An id has fewer letters than the name
// of a folder, so that two models may claim one: see claims.
func (s *Store) rebuild() {
	ix := &index{byID: map[string]*Model{}}
	var all, others []*Model
	for _, r := range s.roots {
		for _, models := range r.folders {
			all = append(all, models...)
		}
	}
	slices.SortFunc(all, claims)
	for _, m := range all {
		if _, taken := ix.byID[m.ID]; taken {
			others = append(others, m)
			continue
		}
		ix.byID[m.ID] = m
		ix.models = append(ix.models, m)
	}
	for _, m := range others {
		m = s.namesake(m, ix)
		ix.byID[m.ID] = m
		ix.models = append(ix.models, m)
	}
	slices.SortFunc(ix.models, claims)
	for _, m := range ix.models {
		if _, taken := ix.byID[m.alias]; m.alias != "" && !taken {
			ix.byID[m.alias] = m
		}
	}
	old := s.index.Swap(ix)
	if old == nil || s.changed == nil {
		return
	}
	if change := old.compare(ix); change.any() {
		s.changed(change)
	}
}

// compare says what a newer index has changed.
func (ix *index) compare(newer *index) Change {
	var c Change
	for _, m := range ix.models {
		if _, there := newer.byID[m.ID]; !there {
			c.Removed = append(c.Removed, m.ID)
		}
	}
	for _, m := range newer.models {
		switch old := ix.byID[m.ID]; {
		case old == nil:
			c.Added = append(c.Added, m.ID)
		case old != m:
			c.Changed = append(c.Changed, m.ID)
		}
	}
	return c
}

func (c Change) any() bool { return len(c.Added)+len(c.Changed)+len(c.Removed) > 0 }

// claims orders models by id, and those of one id by who may keep it: the one of
// an earlier root; the one whose path it is to the letter, before one with letters
// replaced; a folder before loose weights.
func claims(a, b *Model) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.rank, b.rank), last(!a.exact, !b.exact), last(a.loose(), b.loose()), cmp.Compare(a.home, b.home))
}

func last(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// namesake is a model whose id another has, under an id that is free. It cannot be
// used: its id would change when the other goes.
func (s *Store) namesake(m *Model, ix *index) *Model {
	id := m.ID
	for n := 2; ix.byID[id] != nil; n++ {
		id = fmt.Sprintf("%s-%d", m.ID, n)
	}
	other := broken(id, m.Dir, fmt.Errorf("%s would have the id '%s', and so has %s: rename one of them",
		s.show(m.path()), m.ID, s.show(ix.byID[m.ID].path())))
	other.File, other.home, other.rank, other.ReadOnly = m.File, m.home, m.rank, m.ReadOnly
	return other
}
