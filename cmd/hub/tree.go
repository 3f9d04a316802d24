package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// tree answers what lies in a folder of a repository, in pages.
func (h *hub) tree(w http.ResponseWriter, r *http.Request, repo *repo) {
	all, commit, ok := files(w, r, repo)
	if !ok {
		return
	}
	folder := strings.Trim(r.PathValue("path"), "/")
	if folder != "" {
		folder += "/"
	}
	query := r.URL.Query()
	recursive := query.Get("recursive") == "true" || query.Get("recursive") == "1"
	entries := []object{}
	seen := map[string]bool{}
	for _, f := range all {
		dirs, inside := between(folder, f.path)
		if !inside {
			continue
		}
		for n, dir := range dirs {
			if (recursive || n == 0) && !seen[dir] {
				seen[dir] = true
				entries = append(entries, object{"type": "directory", "path": dir, "size": 0, "oid": gitOID(dir)})
			}
		}
		if len(dirs) > 0 && !recursive {
			continue
		}
		entry, err := h.entry(f, commit, query.Get("expand") == "true")
		if err != nil {
			fail(w, http.StatusInternalServerError, "", err.Error())
			return
		}
		entries = append(entries, entry)
	}
	if len(entries) == 0 && folder != "" {
		fail(w, http.StatusNotFound, "EntryNotFound", strings.TrimSuffix(folder, "/")+" does not exist on \""+r.PathValue("rev")+"\"")
		return
	}
	answer(w, http.StatusOK, page(w, r, h, entries))
}

// between are the folders on the way from a folder to a file in it.
func between(folder, file string) (dirs []string, inside bool) {
	rest, inside := strings.CutPrefix(file, folder)
	if !inside {
		return nil, false
	}
	for i := range rest {
		if rest[i] == '/' {
			dirs = append(dirs, folder+rest[:i])
		}
	}
	return dirs, true
}

// entry is what a tree has of a file.
func (h *hub) entry(f file, commit string, expand bool) (object, error) {
	oid, err := h.oid(f)
	if err != nil {
		return nil, err
	}
	entry := object{"type": "file", "path": f.path, "size": f.size, "oid": oid}
	if f.lfs() {
		p := pointer(oid, f.size)
		entry["oid"] = gitOID(p)
		entry["lfs"] = object{"oid": oid, "size": f.size, "pointerSize": len(p)}
	}
	if expand {
		entry["lastCommit"] = object{"id": commit, "title": "Upload " + f.path, "date": f.time.UTC()}
	}
	return entry, nil
}

// pathsInfo answers what a tree has of some files; those that are missing are
// left out.
func (h *hub) pathsInfo(w http.ResponseWriter, r *http.Request, repo *repo) {
	all, commit, ok := files(w, r, repo)
	if !ok {
		return
	}
	var asked struct {
		Paths  []string `json:"paths"`
		Expand bool     `json:"expand"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&asked); err != nil {
		fail(w, http.StatusBadRequest, "", err.Error())
		return
	}
	entries := []object{}
	for _, f := range all {
		if !slices.Contains(asked.Paths, f.path) {
			continue
		}
		entry, err := h.entry(f, commit, asked.Expand)
		if err != nil {
			fail(w, http.StatusInternalServerError, "", err.Error())
			return
		}
		entries = append(entries, entry)
	}
	answer(w, http.StatusOK, entries)
}
