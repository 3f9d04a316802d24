package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// maxDepth is how deep folders of folders are looked into: author/model, as
// other tools lay them out.
const maxDepth = 4

// otherJSON are the files that come with weights from elsewhere and describe no
// model of ours.
var otherJSON = regexp.MustCompile(`^(config|tokenizer|tokenizer_config|special_tokens_map|generation_config|vocab|added_tokens|preprocessor_config|processor_config|adapter_config|chat_template|params|modules|sentence_bert_config|config_sentence_transformers|.*\.index)\.json$`)

// Scan reads all folders again. The error is that of the models folder itself.
func (s *Store) Scan() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrange()
	if err := s.update(s.roots, func(place) bool { return true }); err != nil {
		return err
	}
	s.cache.forget()
	s.drops.forget()
	return nil
}

// rescan reads some top-level folders again.
func (s *Store) rescan(places ...place) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reread(places...)
}

// reread reads some top-level folders again, and the loose weights beside them.
// The caller holds mu.
func (s *Store) reread(places ...place) error {
	roots := slices.DeleteFunc(slices.Clone(s.roots), func(r *root) bool {
		return !slices.ContainsFunc(places, func(p place) bool { return p.root == r })
	})
	return s.update(roots, func(p place) bool { return slices.Contains(places, p) })
}

// update reads those top-level folders of some roots that changed is true of, and
// the loose weights. The caller holds mu.
func (s *Store) update(roots []*root, changed func(place) bool) (err error) {
	s.drops.begin(func(p place) bool { return slices.Contains(roots, p.root) && (p.folder == "" || changed(p)) })
	defer s.drops.arm()
	for _, r := range roots {
		failed := s.readRoot(r, changed)
		if r == s.roots[0] {
			err = failed
		} else {
			r.missed(s.watch.log, failed)
		}
	}
	s.rebuild()
	return err
}

func (s *Store) readRoot(r *root, changed func(place) bool) error {
	if r.twin {
		r.folders = nil
		return nil
	}
	s.watch.add(r.dir)
	l, err := list(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		r.folders = nil
	}
	if err != nil {
		return fmt.Errorf("read models folder: %w", unwrapped(err))
	}
	loose, taken := s.takeIn(r, l)
	if len(taken) > 0 {
		if l, err = list(r.dir); err != nil {
			return fmt.Errorf("read models folder: %w", unwrapped(err))
		}
	}
	found := make([][]*Model, len(l.dirs))
	var group errgroup.Group
	group.SetLimit(2 * runtime.GOMAXPROCS(0)) // half of the time goes into waiting for the disk
	for i, name := range l.dirs {
		known, ok := r.folders[name]
		if ok && !changed(place{r, name}) && !taken[name] {
			found[i] = known
			continue
		}
		group.Go(func() error {
			found[i] = r.keep(known, s.scanFolder(r, name))
			return nil
		})
	}
	_ = group.Wait()
	folders := make(map[string][]*Model, len(l.dirs)+1)
	folders[""] = r.keep(r.folders[""], append(loose, s.misfits(l, "")...))
	for i, name := range l.dirs {
		folders[name] = found[i]
	}
	r.folders = folders
	return nil
}

// keep makes models the root's own, and puts those of before in the place of those that are as they were,
// so that what was made of them is not made again.
func (r *root) keep(before, now []*Model) []*Model {
	for i, m := range now {
		m.rank, m.ReadOnly = r.rank, !r.writable
		if at := slices.IndexFunc(before, m.same); at >= 0 {
			now[i] = before[at]
		}
	}
	return now
}

// scanFolder reads the models of one folder below a root. rel is its path below
// it, with forward slashes.
func (s *Store) scanFolder(r *root, rel string) []*Model {
	dir := filepath.Join(r.dir, filepath.FromSlash(rel))
	if r.without[dir] {
		return nil
	}
	s.watch.add(dir)
	l, err := list(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []*Model{broken(rel, dir, fmt.Errorf("read folder: %w", unwrapped(err)))}
	}
	if models := s.scanFiles(rel, l); models != nil {
		for _, name := range l.dirs {
			s.watch.add(filepath.Join(dir, name)) // a source may lie there
		}
		return models
	}
	if strings.Count(rel, "/")+1 >= maxDepth {
		return nil
	}
	var models []*Model
	for _, name := range l.dirs {
		models = append(models, s.scanFolder(r, rel+"/"+name)...)
	}
	if models == nil {
		return s.misfits(l, rel)
	}
	return models
}

// scanFiles reads a folder that has model files or weights of its own; nil where
// it has neither. Weights that are whole get a model file first.
func (s *Store) scanFiles(rel string, l listing) []*Model {
	files := l.modelFiles()
	if len(files) == 0 {
		models := s.loose(l, rel)
		if !s.adopt(rel, l, models) {
			return models
		}
		l = relist(l)
		return s.readFiles(rel, l, l.modelFiles())
	}
	models := s.readFiles(rel, l, files)
	waiting, changed := s.tend(rel, l, models)
	if changed {
		l = relist(l)
		models = s.readFiles(rel, l, l.modelFiles())
	}
	return append(models, waiting...)
}

// relist is what lies in a folder now.
func relist(l listing) listing {
	if now, err := list(l.dir); err == nil {
		return now
	}
	return l
}

// modelFiles are the names of the model files of a folder.
func (l listing) modelFiles() (files []string) {
	for _, name := range l.files {
		if strings.HasSuffix(name, ".json") && !otherJSON.MatchString(name) {
			files = append(files, name)
		}
	}
	if len(files) == 0 && l.has("model.yml") {
		files = []string{"model.yml"}
	}
	return files
}

func (s *Store) readFiles(rel string, l listing, files []string) []*Model {
	models := make([]*Model, 0, len(files))
	for _, name := range files {
		id := rel
		if stem := stem(name); len(files) > 1 && stem != "model" {
			id = rel + "/" + stem
		}
		models = append(models, s.read(id, l, name, len(files) == 1))
	}
	return models
}

// loose makes a model of each weight file in a folder without model files: the
// folder's name, where there is one; else each file's own.
func (s *Store) loose(l listing, rel string) []*Model {
	weights := l.weights()
	if len(weights) > 1 && extension(weights[0]) == ".safetensors" {
		weights = weights[:1]
	}
	var models []*Model
	for _, name := range weights {
		switch {
		case rel == "":
			home := filepath.Join(l.dir, stem(name), "model.json")
			models = append(models, s.bare(stem(name), l, name, home))
		case len(weights) == 1:
			models = append(models, s.bare(rel, l, name, filepath.Join(l.dir, "model.json")))
		default:
			home := filepath.Join(l.dir, stem(name)+".json")
			models = append(models, s.bare(rel+"/"+stem(name), l, name, home))
		}
	}
	return models
}

// show is how a file is named in messages: below the folder that it lies in.
func (s *Store) show(file string) string {
	r := s.rootOf(file)
	return path.Join(r.name, r.rel(file))
}

// sizeOf is the size of files together.
func sizeOf(files []string) (size int64) {
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	return size
}
