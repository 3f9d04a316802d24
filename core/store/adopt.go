package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// takeIn gives each of the loose weights that are whole a folder. It returns the
// models that stay loose, and the folders that have changed. The caller holds mu.
func (s *Store) takeIn(r *root, l listing) (stay []*Model, changed map[string]bool) {
	changed = map[string]bool{}
	for _, m := range s.loose(l, "") {
		if !s.adoptable(m) {
			stay = append(stay, m)
			continue
		}
		d, err := s.weigh(m, l, place{r, ""})
		if err != nil {
			m.hold(err)
			stay = append(stay, m)
			continue
		}
		dir, err := s.rehouse(d)
		if err != nil {
			s.refuse(m.home, err)
			stay = append(stay, m)
			continue
		}
		changed[filepath.Base(dir)] = true
		home := filepath.Join(dir, "model.json")
		if err := s.write(home, d.manifest()); err != nil {
			s.refuse(home, err)
			continue
		}
		s.watch.log.Info("model taken in", "model", Sanitized(filepath.Base(dir)), "folder", s.show(dir))
	}
	return stay, changed
}

func (s *Store) refuse(home string, err error) {
	s.drops.refuse(home)
	s.watch.log.Warn("weights are left as they lie", "model", s.show(filepath.Dir(home)), "error", err)
}

// rehouse moves a drop-in into a folder of its own; wholly or not at all.
func (s *Store) rehouse(d *dropIn) (dir string, err error) {
	if dir, err = s.room(d); err != nil {
		return "", err
	}
	var back []func()
	for i, file := range d.all() {
		to := filepath.Join(dir, filepath.Base(file))
		if file == to {
			continue
		}
		if err = move(file, to); err != nil {
			slices.Reverse(back)
			for _, undo := range back {
				undo()
			}
			_ = os.Remove(dir) // where it is empty
			return "", s.failed(file, "moved", err)
		}
		back = append(back, func() { _ = move(to, file) })
		if i < len(d.files) {
			d.files = slices.Clone(d.files)
			d.files[i] = to
		} else {
			d.projector = to
		}
	}
	return dir, nil
}

// move renames a file, and puts it in the place of no other.
func move(from, to string) error {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is a %s already", filepath.Base(to))
	}
	return os.Rename(from, to)
}

// room makes the folder of a drop-in: one of its name, and else that with a number.
// One that holds nothing but parts of it was made before a crash.
func (s *Store) room(d *dropIn) (string, error) {
	wanted := filepath.Dir(d.model.home)
	for n := 1; n < 1000; n++ {
		dir := wanted
		if n > 1 {
			dir = fmt.Sprintf("%s-%d", wanted, n)
		}
		if other := s.index.Load().byID[Sanitized(filepath.Base(dir))]; other != nil && other.Dir != dir && other.home != d.model.home {
			continue
		}
		err := os.Mkdir(dir, 0o700)
		if err == nil || errors.Is(err, fs.ErrExist) && d.fills(dir) {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", s.failed(dir, "made", err)
		}
	}
	return "", fmt.Errorf("there are a thousand models %s", filepath.Base(wanted))
}

// fills says whether a folder holds files of the drop-in, and no others.
func (d *dropIn) fills(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && !slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return !slices.Contains(d.files, filepath.Join(dir, e.Name()))
	})
}

// adopt writes the model files of a folder of weights that has none, once all of
// its models are whole: with some of them, the others would be listed no more. It
// says whether it has written any.
func (s *Store) adopt(rel string, l listing, models []*Model) bool {
	var whole []*dropIn
	homes := map[string]bool{}
	for _, m := range models {
		if !s.adoptable(m) {
			continue
		}
		d, err := s.weigh(m, l, s.placeOf(l.dir))
		if err != nil {
			m.hold(err)
			continue
		}
		whole = append(whole, d)
		homes[m.home] = true
	}
	if len(whole) == 0 || len(homes) < len(models) {
		return false
	}
	wrote := false
	for _, d := range whole {
		wrote = s.adoptOne(d) || wrote
	}
	return wrote
}

// adoptOne writes one model file, and says whether it has.
func (s *Store) adoptOne(d *dropIn) bool {
	home := d.model.home
	_, err := os.Lstat(home)
	switch {
	case otherJSON.MatchString(filepath.Base(home)):
		err = fmt.Errorf("%s is the name of another kind of file", filepath.Base(home))
	case err == nil:
		return false
	default:
		err = s.write(home, d.manifest())
	}
	if err != nil {
		s.refuse(home, err)
		return false
	}
	s.watch.log.Info("model taken in", "model", d.model.ID, "file", s.show(home))
	return true
}

// tend looks after a folder whose model files the store made: one goes where a
// person's file is for the same weights, and weights that came since get one. It
// says whether it changed the folder, and else returns the weights that are not whole.
func (s *Store) tend(rel string, l listing, models []*Model) (waiting []*Model, changed bool) {
	var ours, theirs []*Model
	for _, m := range models {
		if m.isGenerated() {
			ours = append(ours, m)
		} else {
			theirs = append(theirs, m)
		}
	}
	if !s.drops.on || len(ours) == 0 || s.link(l.dir) != "" || !s.rootOf(l.dir).writable {
		return nil, false
	}
	if len(theirs) > 0 {
		return nil, s.yield(ours, theirs)
	}
	gone := func(m *Model) bool { return len(m.Manifest.Sources) == 0 || !l.holds(m.Manifest.Sources[0].Filename) }
	if slices.ContainsFunc(ours, gone) { // others may have come in the place of its weights
		return nil, false
	}
	return s.addTo(rel, l, ours)
}

// yield removes model files of the store for which there is a person's. One that
// somebody has changed stays.
func (s *Store) yield(ours, theirs []*Model) (changed bool) {
	for _, m := range ours {
		taken := slices.ContainsFunc(theirs, func(other *Model) bool {
			return len(other.Files) > 0 && len(m.Files) > 0 && other.Files[0] == m.Files[0]
		})
		if taken && m.untouched() && os.Remove(m.File) == nil {
			s.watch.log.Info("model file gave way to another", "file", s.show(m.File))
			changed = true
		}
	}
	return changed
}

// addTo gives the weights of a folder that no model file names a file of their own.
func (s *Store) addTo(rel string, l listing, models []*Model) (waiting []*Model, changed bool) {
	named := func(name string) bool {
		prefix, _, _, split := gguf.SplitPart(name)
		return slices.ContainsFunc(models, func(m *Model) bool {
			return slices.ContainsFunc(m.Manifest.Sources, func(source sdk.Source) bool {
				other, _, _, _ := gguf.SplitPart(source.Filename)
				return source.Filename == name || split && other == prefix
			})
		})
	}
	for _, name := range l.weights() {
		if named(name) {
			continue
		}
		m := s.bare(rel+"/"+stem(name), l, name, filepath.Join(l.dir, stem(name)+".json"))
		if !s.adoptable(m) {
			continue
		}
		d, err := s.weigh(m, l, s.placeOf(l.dir))
		if err != nil {
			m.hold(err)
			waiting = append(waiting, m)
			continue
		}
		changed = s.adoptOne(d) || changed
	}
	return waiting, changed
}
