package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/durable"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// shipped is the hidden folder that remembers what Install has put where.
const shipped = ".catalogue"

// Install puts models that come with the product into the models folder: a folder
// and a model file, without weights, for each models/NAME.json.
//
//	what is there                      what becomes of it
//	nothing, and there never was       it is put there
//	nothing any more                   it stays away: somebody has removed it
//	something else of that name        it stays, and counts
//	the model, of an older version     what nobody has changed becomes as the new version says
//	such a model, with weights here    its sources and metadata stay as they are, too
//
// A fault of one does not keep the others away; the error tells of all.
func (s *Store) Install(files fs.FS) error {
	names, err := fs.Glob(files, "models/*.json")
	if err != nil {
		return fmt.Errorf("list shipped models: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := []error{os.MkdirAll(filepath.Join(s.dir, shipped), 0o700)}
	changed := map[string]bool{}
	for _, file := range names {
		text, err := fs.ReadFile(files, file)
		name := strings.TrimSuffix(path.Base(file), ".json")
		if err == nil {
			changed[name], err = s.install(name, text)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("shipped model %s: %w", name, err))
		}
	}
	return errors.Join(append(errs, s.update(s.roots[:1], func(p place) bool { return changed[p.folder] }))...)
}

// install puts one model there, or renews it, and says whether it has. The record
// is written last: what a crash has left is done again.
func (s *Store) install(name string, text []byte) (changed bool, err error) {
	record := filepath.Join(s.dir, shipped, name+".json")
	home := filepath.Join(s.dir, name, "model.json")
	before, err := os.ReadFile(record)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		changed, err = s.place(name, home, text)
		if !changed {
			return false, err
		}
	case err != nil:
		return false, s.failed(record, "read", err)
	case bytes.Equal(before, text):
		return false, nil
	default:
		if changed, text, err = s.renew(home, before, text); text == nil {
			return changed, err
		}
	}
	if err == nil {
		err = durable.Replace(record, text, 0o600)
	}
	return changed, err
}

// place puts a model where there is none of its name.
func (s *Store) place(name, home string, text []byte) (placed bool, err error) {
	dir := filepath.Dir(home)
	if there, err := os.ReadFile(home); err == nil && bytes.Equal(there, text) && s.link(dir) == "" {
		return true, nil // before a crash
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) || s.link(dir) != "" || s.index.Load().byID[name] != nil {
		return false, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, s.failed(dir, "made", err)
	}
	if err := durable.Replace(home, text, 0o600); err != nil {
		return false, s.failed(home, "written", err)
	}
	return true, nil
}

// renew brings a model from the version that before was put there by to that of
// text. It returns what is to be remembered; nil where nothing is.
func (s *Store) renew(home string, before, text []byte) (changed bool, record []byte, err error) {
	doc, err := ReadFile(home, s.show(home))
	if err != nil { // it was removed, or only a person can mend it
		return false, nil, nil
	}
	var base, mine, theirs map[string]any
	for _, side := range []struct {
		doc  func() (*schemas.Document, error)
		into *map[string]any
	}{
		{func() (*schemas.Document, error) { return schemas.Parse("", before) }, &base},
		{func() (*schemas.Document, error) { return doc, nil }, &mine},
		{func() (*schemas.Document, error) { return schemas.Parse("", text) }, &theirs},
	} {
		if *side.into, err = canonical(side.doc()); err != nil {
			return false, nil, nil
		}
	}
	settleSources(base, mine, theirs)
	if holdsWeights(filepath.Dir(home)) {
		keepDescription(base, theirs)
	}
	if record, err = json.MarshalIndent(theirs, "", "  "); err != nil {
		return false, nil, err
	}
	merged := mergeVersions(base, mine, theirs)
	if sameJSON(merged, mine) {
		return false, record, nil
	}
	var manifest sdk.Manifest
	data, err := json.Marshal(merged)
	if err == nil {
		err = json.Unmarshal(data, &manifest)
	}
	if err == nil {
		err = s.write(home, manifest)
	}
	return err == nil, record, err
}

// canonical is a model file as the members of its canonical form.
func canonical(doc *schemas.Document, err error) (map[string]any, error) {
	if err != nil {
		return nil, err
	}
	m, _, err := ReadManifest(doc)
	if err != nil {
		return nil, err
	}
	text, err := writeManifest(m)
	if err != nil {
		return nil, err
	}
	var members map[string]any
	return members, schemas.Unmarshal(text, &members)
}

// settleSources makes sources that name the same files the same: a download adds
// size and checksum, which is no change of a person.
func settleSources(base, mine, theirs map[string]any) {
	if !sameFiles(mine["sources"], base["sources"]) {
		return
	}
	if sameFiles(theirs["sources"], base["sources"]) && mine["sources"] != nil {
		theirs["sources"] = mine["sources"]
	}
	base["sources"] = mine["sources"]
}

func sameFiles(a, b any) bool {
	names := func(sources any) (files [][2]any) {
		list, _ := sources.([]any)
		for _, source := range list {
			entry, _ := source.(map[string]any)
			files = append(files, [2]any{entry["filename"], entry["url"]})
		}
		return files
	}
	return slices.Equal(names(a), names(b))
}

// holdsWeights says whether there are weights in a folder, or some on their way.
func holdsWeights(dir string) bool {
	entries, _ := os.ReadDir(dir)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return isWeight(e.Name()) || extension(e.Name()) == ".part" })
}

// keepDescription leaves what a new version says of weights as the old one says it.
func keepDescription(base, theirs map[string]any) {
	keep := func(from, to map[string]any, name string) {
		delete(to, name)
		if value, there := from[name]; there {
			to[name] = value
		}
	}
	keep(base, theirs, "sources")
	keep(base, theirs, "metadata")
	from, _ := base["settings"].(map[string]any)
	if to, _ := theirs["settings"].(map[string]any); to != nil {
		keep(from, to, "mmproj")
	}
}

// mergeVersions is mine, with what theirs has made of the parts of base that mine
// has left as they were. Objects are merged key by key, all else is whole.
func mergeVersions(base, mine, theirs map[string]any) map[string]any {
	merged := map[string]any{}
	for name, value := range mine {
		was, wasThere := base[name]
		next, stays := theirs[name]
		mineObject, isObject := value.(map[string]any)
		theirObject, bothObjects := next.(map[string]any)
		untouched := wasThere && sameJSON(value, was)
		switch {
		case isObject && bothObjects:
			wasObject, _ := was.(map[string]any)
			merged[name] = mergeVersions(wasObject, mineObject, theirObject)
		case !untouched:
			merged[name] = value
		case stays:
			merged[name] = next
		}
	}
	for name, value := range theirs {
		_, there := mine[name]
		if _, wasThere := base[name]; !there && !wasThere {
			merged[name] = value
		}
	}
	return merged
}
