package install

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// A staging is a tree on its way into the store, beside those that are there. Its
// lock is held as long as its process lives.
//
//	plugins/store/.RANDOM.tree
//	plugins/store/.RANDOM.lock
type staging struct {
	dir  string
	lock *flock.Flock
}

const (
	treeSuffix = ".tree"
	lockSuffix = ".lock"
)

// stage begins a staging, and sweeps what killed processes left. Both happen while
// no other writer is there: a staging has its lock before a sweep can see it.
func stage(ctx context.Context, home string) (*staging, error) {
	home, unlock, err := hold(ctx, home)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := sweep(home); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(storeDir(home), ".*"+lockSuffix)
	if err != nil {
		return nil, err
	}
	file.Close()
	made := &staging{dir: strings.TrimSuffix(file.Name(), lockSuffix) + treeSuffix, lock: flock.New(file.Name())}
	if _, err := made.lock.TryLock(); err != nil {
		made.drop()
		return nil, err
	}
	if err := os.Mkdir(made.dir, 0o700); err != nil {
		made.drop()
		return nil, err
	}
	return made, nil
}

// drop removes what is left of a staging.
func (g *staging) drop() {
	_ = removeTree(g.dir)
	_ = os.Remove(g.lock.Path())
	_ = g.lock.Close()
}

// tidy sweeps when something was removed.
func tidy(ctx context.Context, home string) error {
	home, unlock, err := hold(ctx, home)
	if err != nil {
		return err
	}
	defer unlock()
	return sweep(home)
}

// sweep removes from the store what no version of the book needs and nobody works
// on: trees of versions that were removed, and what killed processes left. It is for
// the only writer.
func sweep(home string) error {
	s, err := load(home)
	if err != nil {
		return err
	}
	kept := s.book.digests()
	entries, err := os.ReadDir(storeDir(s.home))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(storeDir(s.home), entry.Name())
		switch name := entry.Name(); {
		case kept["sha256:"+name], strings.HasPrefix(name, "."):
			continue
		case isHex(name):
			err = s.discard(path)
		}
		if err != nil {
			return err
		}
	}
	return s.sweepStagings(entries)
}

// discard removes a tree from the store: first its name, so that nobody finds half
// of it.
func (s *state) discard(tree string) error {
	away := filepath.Join(storeDir(s.home), "."+filepath.Base(tree)+treeSuffix)
	if err := os.Rename(tree, away); err != nil {
		return err
	}
	return removeTree(away)
}

func (s *state) sweepStagings(entries []os.DirEntry) error {
	for _, entry := range entries {
		stem, isTree := strings.CutSuffix(entry.Name(), treeSuffix)
		if !isTree {
			stem = strings.TrimSuffix(entry.Name(), lockSuffix)
		}
		if !strings.HasPrefix(stem, ".") || stem == entry.Name() {
			continue
		}
		path := filepath.Join(storeDir(s.home), stem)
		if live(path + lockSuffix) {
			continue
		}
		if err := removeTree(path + treeSuffix); err != nil {
			return err
		}
		_ = os.Remove(path + lockSuffix)
	}
	return nil
}

// live says whether the process that works on a staging is there.
func live(file string) bool {
	if _, err := os.Stat(file); err != nil {
		return false
	}
	lock := flock.New(file)
	defer lock.Close()
	free, err := lock.TryLock()
	return err != nil || !free
}
