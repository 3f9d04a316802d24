package core

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/store"
)

// A Takeover is what the runtime made of a version that became current.
type Takeover struct {
	Used    bool   // it is the one that counts
	Refused string // why it did not come up; the version before counts again, where there is one
}

// FollowPlugin waits until the runtime has tried the current version of a plugin, by
// its full name, and says what came of the package with that digest. Without Used and
// Refused another plugin of the same name goes before what is installed: one that is
// being written, or one of --plugin-dir.
func (r *Runtime) FollowPlugin(ctx context.Context, name, digest string) (Takeover, error) {
	if err := r.plugins.follow(ctx); err != nil {
		return Takeover{}, err
	}
	installed, err := r.installer.Plugin(name)
	if err != nil {
		return Takeover{}, err
	}
	var t Takeover
	if i := slices.IndexFunc(installed.Versions, func(v install.Version) bool { return v.Digest == digest }); i >= 0 {
		t.Refused = installed.Versions[i].Refused
	}
	plugin, err := r.host.Plugin(path.Base(name))
	t.Used = err == nil && plugin.Digest == digest && t.Refused == ""
	return t, nil
}

// RemovePlugin removes an installed plugin, by its full or short name, with all its
// versions, or only the one that is named. With force the models that it has loaded are
// stopped first. It returns when the runtime has taken notice.
//
// Errors beside those of [install.Installer.Remove]: [store.ErrConflict] without force,
// where a deployment has a file that a person wrote, or models are loaded.
func (r *Runtime) RemovePlugin(ctx context.Context, name, version string, force bool) error {
	installed, err := r.installer.Plugin(name)
	if err != nil {
		return err
	}
	text := installed.Name
	if version != "" {
		text += "@" + version
	} else if err := r.clear(ctx, path.Base(text), force); err != nil {
		return err
	}
	if err := r.installer.Remove(ctx, text); err != nil {
		return err
	}
	return r.plugins.follow(ctx)
}

// clear sees to it that nothing uses a plugin any more.
func (r *Runtime) clear(ctx context.Context, plugin string, force bool) error {
	files, models := r.usesOf(plugin)
	switch {
	case force:
		for _, id := range models {
			if _, err := r.Stop(ctx, id); err != nil {
				return err
			}
		}
	case len(models) > 0:
		return store.Conflict("The plugin '%s' has models loaded: %s; stop them first, or remove it with force", plugin, strings.Join(models, ", "))
	case len(files) > 0:
		return store.Conflict("The plugin '%s' is used by %s; remove that first, or remove the plugin with force", plugin, strings.Join(files, ", "))
	}
	return nil
}

// usesOf are the files of a plugin's deployments that a person wrote, and the models
// that it has loaded.
func (r *Runtime) usesOf(plugin string) (files, models []string) {
	for _, e := range r.Engines() {
		if e.Plugin != plugin {
			continue
		}
		models = append(models, e.Models...)
		if e.File != "" && !install.MadeEngineFile(r.home, e.ID) {
			files = append(files, "engines/"+e.ID+".json")
		}
	}
	for _, in := range r.importers() {
		if in.plugin.Name == plugin && in.File != "" {
			files = append(files, "importers/"+in.id+".json")
		}
	}
	return files, models
}
