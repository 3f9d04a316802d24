package local

import (
	"encoding/json"
	"path/filepath"
	"strings"
)

// lmStudio finds the models of LM Studio: OWNER/REPO/FILE below a folder that its
// settings name (lmstudio.ai/docs/basics/import-model; where its home is, by the
// source of lms, github.com/lmstudio-ai/lmstudio-js).
func lmStudio(env Env) (found []Found) {
	var roots []string
	for _, home := range folders(lmStudioPointer(env), filepath.Join(env.Home, ".lmstudio"), filepath.Join(env.Home, ".cache", "lm-studio")) {
		var settings struct {
			Folder string `json:"downloadsFolder"`
		}
		if data, err := readSmall(filepath.Join(home, "settings.json")); err == nil {
			_ = json.Unmarshal(data, &settings) // settings that nobody can read name no folder
		}
		if filepath.IsAbs(settings.Folder) {
			roots = append(roots, settings.Folder)
		}
		roots = append(roots, filepath.Join(home, "models"))
	}
	for _, root := range folders(roots...) {
		for _, rel := range below(root) {
			found = append(found, inFolder(filepath.Join(root, filepath.FromSlash(rel)), rel)...)
		}
	}
	return once(found)
}

// lmStudioPointer is the home that LM Studio has noted.
func lmStudioPointer(env Env) string {
	data, err := readSmall(filepath.Join(env.Home, ".lmstudio-home-pointer"))
	if path := strings.TrimSpace(string(data)); err == nil && filepath.IsAbs(path) {
		return path
	}
	return ""
}

// once are finds without those whose name was there before: it would not tell which
// is meant.
func once(found []Found) (distinct []Found) {
	seen := map[string]bool{}
	for _, f := range found {
		if !seen[f.Name] {
			seen[f.Name] = true
			distinct = append(distinct, f)
		}
	}
	return distinct
}
