package local

import (
	"encoding/json"
	"path"
	"path/filepath"
	"strings"

	"github.com/enginebay/enginebay/core/store"
)

// jan finds the models of Jan and of Cortex. Their data folder moved more than once
// (github.com/janhq/jan, src-tauri/src/core/app/commands.rs; facts/model-shapes.md):
//
//	models/NAME/model.json                      Jan up to 0.5
//	models/cortex.so/…, models/huggingface.co/… Cortex: model.yml
//	llamacpp/models/NAME/model.yml              Jan from 0.6 on
func jan(env Env) (found []Found) {
	for _, root := range JanFolders(env) {
		for _, models := range folders(filepath.Join(root, "llamacpp", "models"), filepath.Join(root, "models")) {
			found = append(found, janModels(models)...)
		}
	}
	return once(found)
}

// JanFolders are the data folders of Jan and of Cortex that there are, the one in use
// first.
func JanFolders(env Env) []string {
	data := filepath.Join(env.data(), "Jan")
	return folders(env.Get("JAN_DATA_FOLDER"), janSettings(filepath.Join(data, "settings.json")), filepath.Join(data, "data"),
		filepath.Join(env.Home, "jan"), filepath.Join(env.Home, "cortexcpp"), filepath.Join(env.Home, ".cortexcpp"))
}

// janSettings is the data folder that Jan's settings name.
func janSettings(file string) string {
	var settings struct {
		Folder string `json:"data_folder"`
	}
	if data, err := readSmall(file); err == nil {
		_ = json.Unmarshal(data, &settings) // settings that nobody can read name no folder
	}
	if !filepath.IsAbs(settings.Folder) {
		return ""
	}
	return settings.Folder
}

// janModels finds the models below a folder: of their files, or of weights without
// one. What Jan only offers to download is not listed.
func janModels(root string) (found []Found) {
	for _, rel := range below(root) {
		if rel == "" {
			continue
		}
		models, err := store.Look(filepath.Join(root, filepath.FromSlash(rel)))
		if err != nil {
			continue
		}
		for _, m := range models {
			if m.Remote() || m.Err == nil && len(m.Files) == 0 {
				continue
			}
			f := fromModel(m)
			f.Name = rel
			if len(models) > 1 {
				f.Name = path.Join(rel, path.Base(m.ID))
			} else {
				f.more = companions(m)
			}
			f.ID = store.Sanitized(strings.TrimPrefix(f.Name, "huggingface.co/"))
			found = append(found, f)
		}
	}
	return found
}
