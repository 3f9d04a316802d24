package core

import (
	"path/filepath"
	"slices"

	"github.com/enginebay/enginebay/core/store"
)

// The processes of an engine may read the folders of models. Weights that only are
// linked lie elsewhere, and what a process may read is settled when it starts: so a
// model whose folder no process may read yet changes its deployment, and a new process
// takes the place of the old one as with any other change. All that is linked then is
// granted at once, and nothing is taken back, so that this is rare.

// modelFolders are the folders of models.
func modelFolders(c Config) []string {
	folders := []string{filepath.Join(c.Home, "models")}
	for _, root := range c.ModelDirs {
		if dir, err := store.ExpandHome(root.Dir); err == nil {
			folders = append(folders, dir)
		}
	}
	return folders
}

// grant has a deployment's processes be ones that may read a model's files.
func (r *Runtime) grant(id string, m *store.Model) {
	q := r.quota(id)
	now := q.deployment()
	if now == nil {
		now = &Deployment{}
	}
	if !r.host.Confines(now.Deployment) || !q.lacks(r.linked(m)) {
		return
	}
	folders := r.linked(m)
	for _, other := range r.store.Models() {
		if r.engineOf(other) == id {
			folders = append(folders, r.linked(other)...)
		}
	}
	q.granted.Lock()
	defer q.granted.Unlock()
	folders = append(folders, q.folders...)
	slices.Sort(folders)
	q.folders = slices.Compact(folders)
}

// lacks says whether one of some folders is not granted.
func (q *quota) lacks(folders []string) bool {
	q.granted.Lock()
	defer q.granted.Unlock()
	return slices.ContainsFunc(folders, func(folder string) bool { return !slices.Contains(q.folders, folder) })
}

// readable are the folders of linked weights that a deployment's processes may read.
func (r *Runtime) readable(id string) []string {
	q := r.quota(id)
	q.granted.Lock()
	defer q.granted.Unlock()
	return slices.Clone(q.folders)
}

// linked are the folders outside those of models in which a model's files lie.
func (r *Runtime) linked(m *store.Model) (folders []string) {
	for _, file := range append(slices.Clone(m.Files), m.MMProj) {
		if file == "" {
			continue
		}
		for _, folder := range []string{withoutLinks(filepath.Dir(file)), filepath.Dir(withoutLinks(file))} {
			if !slices.ContainsFunc(r.modelFolders, func(root string) bool { return below(withoutLinks(root), folder) }) {
				folders = append(folders, folder)
			}
		}
	}
	return folders
}

// withoutLinks is a path without symbolic links.
func withoutLinks(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

func below(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}
