package local

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/store"
)

// hfCache finds the models of the cache that the tools of Hugging Face share
// (huggingface.co/docs/huggingface_hub/guides/manage-cache):
//
//	models--OWNER--REPO/refs/main              the revision, as text
//	models--OWNER--REPO/snapshots/REVISION/…   the files, as links
//	models--OWNER--REPO/blobs/…                what they lead to
func hfCache(env Env) (found []Found) {
	home := env.Get("HF_HOME")
	if home == "" {
		home = filepath.Join(env.cache(), "huggingface")
	}
	for _, root := range folders(env.Get("HF_HUB_CACHE"), env.Get("HUGGINGFACE_HUB_CACHE"), filepath.Join(home, "hub")) {
		entries, err := os.ReadDir(root)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if name, ok := strings.CutPrefix(e.Name(), "models--"); ok {
				found = append(found, hfRepository(filepath.Join(root, e.Name()), strings.ReplaceAll(name, "--", "/"))...)
			}
		}
	}
	return once(found)
}

// hfRepository finds the models of one repository, of the revision that it is at.
func hfRepository(dir, repository string) (found []Found) {
	revision := hfRevision(dir)
	if revision == "" {
		return nil
	}
	snapshot := filepath.Join(dir, "snapshots", revision)
	for _, rel := range below(snapshot) {
		in := filepath.Join(snapshot, filepath.FromSlash(rel))
		models := inFolder(in, path.Join(repository, rel))
		if f, ok := tensors(in, path.Join(repository, rel)); ok && len(models) == 0 {
			models = []Found{f}
		}
		for _, f := range models {
			f.Manifest.Metadata = with(f.Manifest.Metadata, "repository", "https://huggingface.co/"+repository)
			f.Manifest.OwnedBy = path.Dir(repository)
			f.web = map[string]string{}
			for _, file := range f.all() {
				address := url.URL{Scheme: "https", Host: "huggingface.co", Path: path.Join("/", repository, "resolve", revision, rel, filepath.Base(file))}
				f.web[f.name(file)] = address.String()
			}
			found = append(found, f)
		}
	}
	return found
}

// hfRevision is the one of the main branch or, where that is not here, the newest.
func hfRevision(dir string) string {
	if data, err := readSmall(filepath.Join(dir, "refs", "main")); err == nil {
		revision := strings.TrimSpace(string(data))
		if filepath.IsLocal(revision) && isFolder(filepath.Join(dir, "snapshots", revision)) {
			return revision
		}
	}
	entries, _ := os.ReadDir(filepath.Join(dir, "snapshots")) // none: no revision
	newest, at := "", int64(0)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() && info.ModTime().UnixNano() > at {
			newest, at = e.Name(), info.ModTime().UnixNano()
		}
	}
	return newest
}

// tensors finds the model of a folder of safetensors weights.
func tensors(dir, name string) (Found, bool) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Found{}, false
	}
	f := Found{Name: name, ID: store.Sanitized(path.Base(name))}
	for _, e := range entries {
		file := filepath.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), ".") || !isRegular(file):
		case strings.EqualFold(filepath.Ext(file), ".safetensors"):
			f.Files = append(f.Files, file)
		case isCompanion(e.Name()):
			f.more = append(f.more, file)
		}
	}
	slices.Sort(f.Files)
	f.Size = sizeOf(f.Files)
	f.Manifest.Format, f.Manifest.Engine = "safetensors", "tensorrt"
	f.Manifest.Sources = f.sources(true)
	return f, len(f.Files) > 0
}
