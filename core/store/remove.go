package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// removed is the hidden folder in which whole models wait for their end: a rename
// takes a model away at once, and what a crash leaves there is removed by Open.
const removed = ".removed"

// Remove frees what a model takes up on this disk.
//
//	what the model is                   without purge
//	its sources say where it is fetched its weights go; the file stays, and the model is to_download
//	a link to weights elsewhere         the file goes, which is the link; the weights are not touched
//	a variant whose weights others use  the file goes
//	a remote model, or nothing at all   the file goes
//	the only copy of its weights        refused, for a slip would lose what nobody can bring back
//	of a file that cannot be read       refused, for nobody can tell which of these it is
//
// purge is never refused so. It removes the model's folder with all that is in it;
// of a variant, its file and the weights that no other model uses. Behind a
// symbolic link nothing is removed: where it leads to this model alone, the link
// goes, else that is refused. So is a folder with weights of a model elsewhere.
//
// Files go before the model file, so that what is left by a crash is a model that
// is not ready and can be removed again. [ErrConflict]: refused.
func (s *Store) Remove(id string, purge bool) error {
	s.mu.Lock()
	trash, err := s.remove(id, purge)
	s.mu.Unlock()
	if trash != "" { // not under mu: large files take their time
		if gone := os.RemoveAll(trash); gone != nil && err == nil {
			err = s.failed(trash, "removed", gone)
		}
	}
	return err
}

// Removable says what stands against Remove, which then returns it too.
func (s *Store) Removable(id string, purge bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.latest(id)
	if err != nil {
		return err
	}
	_, err = s.removal(m, purge)
	return err
}

func (s *Store) remove(id string, purge bool) (trash string, err error) {
	m, err := s.latest(id)
	if err != nil {
		return "", err
	}
	r, err := s.removal(m, purge)
	if err != nil {
		return "", err
	}
	home := s.rootOf(m.Dir)
	root, err := os.OpenRoot(home.dir) // nothing that is removed lies outside of it, whatever happens meanwhile
	if err != nil {
		return "", s.failed(home.dir, "opened", err)
	}
	defer root.Close()
	trash, err = s.carryOut(root, r)
	return trash, errors.Join(err, s.reread(s.placeOf(m.Dir)))
}

func (s *Store) carryOut(root *os.Root, r removal) (trash string, err error) {
	for _, file := range r.files {
		if err := root.Remove(s.rel(file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", s.failed(file, "removed", err)
		}
	}
	if r.folder != "" {
		if trash, err = s.discard(root, r.folder); err != nil {
			return trash, s.failed(r.folder, "removed", err)
		}
		r.empty = filepath.Dir(r.folder)
	}
	for dir := r.empty; within(dir, root.Name()) && root.Remove(s.rel(dir)) == nil; {
		dir = filepath.Dir(dir)
	}
	return trash, nil
}

// discard takes a folder away at once and returns where it waits for its end.
func (s *Store) discard(root *os.Root, folder string) (trash string, err error) {
	if err := root.MkdirAll(removed, 0o700); err != nil {
		return "", err
	}
	trash, err = os.MkdirTemp(filepath.Join(root.Name(), removed), "m")
	if err != nil {
		return "", err
	}
	s.watch.forget(folder)
	err = root.Rename(s.rel(folder), filepath.Join(s.rel(trash), "model"))
	if errors.Is(err, syscall.EXDEV) { // another file system is mounted there
		err = root.RemoveAll(s.rel(folder))
	}
	return trash, err
}

// sweep removes what a crash left half removed, or half made: what is staged came
// from somewhere else, and is staged anew. Downloads are not: they go on where
// they are.
func (s *Store) sweep() {
	_ = os.RemoveAll(filepath.Join(s.dir, staging))
	for _, r := range s.roots {
		if r.writable {
			_ = os.RemoveAll(filepath.Join(r.dir, removed))
		}
	}
}

// rel is a path below the root that it lies in, as the system writes it.
func (s *Store) rel(file string) string { return filepath.FromSlash(s.rootOf(file).rel(file)) }
