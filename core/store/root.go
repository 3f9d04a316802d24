package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// Config is what a store is made of.
type Config struct {
	Dir     string // the models folder, in which all models are made
	Further []Root // more folders of models, in the order in which they count
	Log     hclog.Logger
}

// A Root is a further folder of models: another disk, a share, what another
// program has fetched. It may be missing, and come and go.
type Root struct {
	Dir      string // absolute, or ~/…
	Writable bool   // its models may be changed and removed; else nothing in it is ever written
}

// root is one of the folders that models are read from; the first is the store's own.
type root struct {
	dir      string // absolute
	name     string // how messages name it
	rank     int
	writable bool

	folders map[string][]*Model // by top-level folder; "" are the loose weights

	real    string          // dir without symbolic links
	twin    bool            // an earlier root is the same folder
	without map[string]bool // folders in it that are roots of their own
	trouble string          // why it could not be read the last time
}

// place is a top-level folder of a root.
type place struct {
	root   *root
	folder string
}

func newRoots(c Config) ([]*root, error) {
	var roots []*root
	for _, r := range append([]Root{{c.Dir, true}}, c.Further...) {
		dir, err := absolute(r.Dir)
		if err != nil {
			return nil, fmt.Errorf("models folder %q: %w", r.Dir, err)
		}
		if slices.ContainsFunc(roots, func(other *root) bool { return other.dir == dir }) {
			c.Log.Warn("model folder is named twice", "folder", dir)
			continue
		}
		roots = append(roots, &root{dir: dir, name: nameOf(dir, roots), rank: len(roots), writable: r.Writable})
	}
	return roots, nil
}

func absolute(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("it has no path")
	}
	dir, err := ExpandHome(dir)
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err == nil && filepath.Dir(dir) == dir {
		err = errors.New("it is a whole file system: name a folder in it")
	}
	return dir, err
}

// nameOf is as much of a root's path as tells it from the others: messages are
// shown to everybody, and the rest is the machine's.
func nameOf(dir string, others []*root) string {
	parts := strings.Split(filepath.ToSlash(dir), "/")
	for n := 1; n < len(parts); n++ {
		name := strings.Join(parts[len(parts)-n:], "/")
		if !slices.ContainsFunc(others, func(other *root) bool { return other.name == name }) {
			return name
		}
	}
	return filepath.ToSlash(dir)
}

// arrange finds out which roots are one folder, and which lie in another: the
// models of such a one are its own. It is done again at each scan, for disks come
// and go. The caller holds mu.
func (s *Store) arrange() {
	for i, r := range s.roots {
		r.real = real(r.dir)
		was := r.twin
		r.twin = slices.ContainsFunc(s.roots[:i], func(other *root) bool { return other.real == r.real })
		if r.twin && !was {
			s.watch.log.Warn("model folder is another one by a second path", "folder", r.dir)
		}
	}
	for _, r := range s.roots {
		r.without = map[string]bool{}
		for _, other := range s.roots {
			if within(other.dir, r.dir) {
				r.without[other.dir] = true
			}
			if rel, inside := strings.CutPrefix(other.real, r.real+string(filepath.Separator)); inside {
				r.without[filepath.Join(r.dir, rel)] = true
			}
		}
	}
}

// rootOf is the root that a path lies in, the innermost one; the store's own where
// it lies in none.
func (s *Store) rootOf(path string) *root {
	found, longest := s.roots[0], 0
	for _, r := range s.roots {
		if (path == r.dir || within(path, r.dir)) && len(r.dir) > longest {
			found, longest = r, len(r.dir)
		}
	}
	return found
}

// isRoot says whether a folder is one that models lie in, and not one of theirs.
func (s *Store) isRoot(dir string) bool { return s.rootOf(dir).dir == dir }

// placeOf is the top-level folder that a path lies in.
func (s *Store) placeOf(path string) place {
	r := s.rootOf(path)
	return place{r, top(r.rel(path))}
}

// rel is a path below the root, with forward slashes.
func (r *root) rel(path string) string {
	rel, err := filepath.Rel(r.dir, path)
	if err != nil { // of two absolute paths: it cannot fail
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}

// missed notes that a root could be read, or not, and says so once.
func (r *root) missed(log hclog.Logger, err error) {
	was := r.trouble
	if r.trouble = ""; err != nil {
		r.trouble = err.Error()
	}
	switch {
	case r.trouble == was:
	case err == nil:
		log.Info("model folder is back", "folder", r.dir)
	case errors.Is(err, fs.ErrNotExist):
		log.Warn("model folder is not there; its models come with it", "folder", r.dir)
	default:
		log.Warn("model folder not read", "folder", r.dir, "error", err)
	}
}

// fixed says why nothing of a model may be written, moved or removed; nil where it may be.
func (s *Store) fixed(m *Model) error {
	r := s.rootOf(m.Dir)
	if r.writable {
		return nil
	}
	return Conflict("The model '%s' lies in %s, which is only read (setting model_dirs): change it there by hand, or copy %s into %s", m.ID, r.name, s.show(m.path()), s.roots[0].name)
}
