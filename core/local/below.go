package local

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/sdk/gguf"
)

// Bounds of a look into another tool's folders, which may lead anywhere.
const (
	deepest = 6
	most    = 20_000 // folders
)

// below are the folders below a root, the root too, by their paths below it with
// forward slashes. Links to folders are followed, each folder once.
func below(root string) (dirs []string) {
	seen := map[string]bool{}
	var look func(rel string, depth int)
	look = func(rel string, depth int) {
		dir := filepath.Join(root, filepath.FromSlash(rel))
		real, err := filepath.EvalSymlinks(dir)
		if err != nil || seen[real] || len(seen) >= most {
			return
		}
		seen[real] = true
		dirs = append(dirs, rel)
		entries, err := os.ReadDir(dir)
		if err != nil || depth == deepest {
			return
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") && isFolder(filepath.Join(dir, e.Name())) {
				look(path.Join(rel, e.Name()), depth+1)
			}
		}
	}
	look("", 0)
	return dirs
}

// inFolder finds the model of each GGUF file in a folder; of a split one, of its
// first part. rel stands before their names.
func inFolder(dir, rel string) (found []Found) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var split []string
	for _, e := range entries {
		name := e.Name()
		if !strings.EqualFold(filepath.Ext(name), ".gguf") || strings.HasPrefix(name, ".") || gguf.IsMMProj(name) {
			continue
		}
		if prefix, _, _, is := gguf.SplitPart(name); is {
			if slices.Contains(split, prefix) {
				continue
			}
			split = append(split, prefix)
		}
		f := fromFile(filepath.Join(dir, name))
		f.Name = path.Join(rel, name)
		found = append(found, f)
	}
	return found
}
