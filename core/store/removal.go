package store

import (
	"maps"
	"path/filepath"
	"slices"

	"github.com/enginebay/enginebay/sdk"
)

// A removal is what Remove is going to do.
type removal struct {
	folder string   // to remove whole; empty where only files go
	files  []string // to remove, in this order
	empty  string   // folder to remove after them, where nothing is left in it
}

// removal decides what goes, and refuses what must not. The caller holds mu.
func (s *Store) removal(m *Model, purge bool) (removal, error) {
	if err := s.fixed(m); err != nil {
		return removal{}, err
	}
	others := slices.DeleteFunc(slices.Clone(s.Models()), func(other *Model) bool { return other == m })
	if link := s.link(m.Dir); link != "" {
		return s.unlinking(m, link, others)
	}
	if purge {
		return s.purging(m, others)
	}
	if m.sealed() {
		return removal{}, Conflict("What belongs to the model '%s' cannot be told: %v; mend that, or purge the model (?purge=true)", m.ID, m.Err)
	}
	return s.freeing(m, others)
}

// unlinking removes the link that a model lies behind, where it is there for this
// model alone.
func (s *Store) unlinking(m *Model, link string, others []*Model) (removal, error) {
	for _, other := range others {
		if other.Dir == link || within(other.Dir, link) {
			return removal{}, Conflict("The model '%s' lies behind the link %s, and so does '%s': remove it where the link leads to", m.ID, s.show(link), other.ID)
		}
	}
	return removal{files: []string{link}, empty: filepath.Dir(link)}, nil
}

// purging removes all of a model.
func (s *Store) purging(m *Model, others []*Model) (removal, error) {
	users := usersOf(others)
	if !s.isRoot(m.Dir) && !slices.ContainsFunc(others, func(other *Model) bool { return other.Dir == m.Dir }) {
		for _, r := range s.roots {
			if within(r.dir, m.Dir) || within(r.real, real(m.Dir)) {
				return removal{}, Conflict("The folder of the model '%s' has %s in it, which is a folder of models itself", m.ID, r.name)
			}
		}
		for _, file := range slices.Sorted(maps.Keys(users)) {
			if within(file, real(m.Dir)) {
				return removal{}, lent(m, users[file])
			}
		}
		return removal{folder: m.Dir}, nil
	}
	files := m.unshared(others)
	for _, file := range s.own(m) {
		switch other := s.user(file, users); {
		case other == nil:
			files = append(files, file)
		case m.File == "":
			return removal{}, lent(m, other)
		}
	}
	if m.File != "" {
		files = append(files, m.File)
	}
	if len(files) == 0 {
		return removal{}, Conflict("Nothing on disk is the model '%s' alone: %v", m.ID, m.Err)
	}
	return removal{files: files, empty: m.Dir}, nil
}

func lent(m, other *Model) error {
	return Conflict("The model '%s' uses the weights of '%s': remove that one first", other.ID, m.ID)
}

// freeing removes the weights that can be fetched again, or else a file that is
// no more than a link.
func (s *Store) freeing(m *Model, others []*Model) (removal, error) {
	users := usersOf(others)
	begun := m.unshared(others)
	again := m.File != "" && m.downloadable()
	var named, links []string // what a source names; symbolic links
	for _, file := range s.own(m) {
		isWeight := slices.Contains(m.Files, file)
		switch other := s.user(file, users); {
		case other != nil && other.Dir == m.Dir: // a variant
		case other != nil:
			return removal{}, lent(m, other)
		case again && (isWeight || m.names(file)):
			named = append(named, file)
		case s.link(file) != "":
			links = append(links, file)
		case isWeight:
			return removal{}, Conflict("The weights of the model '%s' are here and, as far as anybody knows, nowhere else: no source says where to fetch them again. To remove them for good, purge the model (?purge=true)", m.ID)
		}
	}
	if len(named) > 0 || again && len(m.Files) == 0 {
		return removal{files: append(begun, named...)}, nil
	}
	if m.File != "" {
		links = append(links, m.File)
	}
	return removal{files: append(begun, links...), empty: m.Dir}, nil
}

// unshared are the partials of a model that no other model of its folder waits for.
func (m *Model) unshared(others []*Model) []string {
	files := m.partials()
	for _, other := range others {
		if other.Dir == m.Dir && len(files) > 0 {
			theirs := other.partials()
			files = slices.DeleteFunc(files, func(file string) bool { return slices.Contains(theirs, file) })
		}
	}
	return files
}

// own are the files of a model that lie in its folder: weights, projector, and
// what further sources name. What lies behind a link to a folder is not its own.
func (s *Store) own(m *Model) []string {
	files := slices.Clone(m.Files)
	if l, err := list(m.Dir); err == nil {
		for _, source := range m.Manifest.Sources[min(1, len(m.Manifest.Sources)):] {
			file, _ := l.find(source)
			files = append(files, file)
		}
	}
	var own []string
	for _, file := range append(files, m.MMProj) {
		if within(file, m.Dir) && s.link(filepath.Dir(file)) == "" && !slices.Contains(own, file) {
			own = append(own, file)
		}
	}
	return own
}

// names says whether a source is the file of that name.
func (m *Model) names(file string) bool {
	return slices.ContainsFunc(m.Manifest.Sources, func(source sdk.Source) bool {
		return source.Filename == filepath.Base(file)
	})
}

// usersOf says which model needs a file, by the path that the model has for it
// and by the one without symbolic links.
func usersOf(models []*Model) map[string]*Model {
	users := map[string]*Model{}
	for _, m := range models {
		for _, file := range append([]string{m.MMProj}, m.Files...) {
			users[file], users[real(file)] = m, m
		}
	}
	return users
}

// user is a model that needs a file of another one. Who needs what a link leads to
// does not need the link.
func (s *Store) user(file string, users map[string]*Model) *Model {
	if other := users[file]; other != nil || s.link(file) != "" {
		return other
	}
	return users[real(file)]
}
