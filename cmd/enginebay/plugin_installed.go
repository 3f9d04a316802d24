package main

import (
	"path"
	"slices"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/sdk"
)

var onePlugin = onePath("one plugin, as in: %s llamacpp")

// short is what engines and models call a plugin of a full name.
func short(name string) string { return path.Base(name) }

// installed is an installed plugin by its name, full or short, among all.
func (w *workshop) installed(name string) (install.Plugin, []install.Plugin, error) {
	all, err := w.Installed()
	if err != nil {
		return install.Plugin{}, nil, err
	}
	if i := slices.IndexFunc(all, func(p install.Plugin) bool { return p.Name == name || short(p.Name) == name }); i >= 0 {
		return all[i], all, nil
	}
	return install.Plugin{}, all, notInstalled(name, all)
}

// notInstalled is the error of a name that nothing installed has.
func notInstalled(name string, all []install.Plugin) error {
	if len(all) == 0 {
		return sdk.Errorf(sdk.CodeNotFound, "no plugin %.100q is installed, nor is any other; install it with: enginebay plugin install NAME", name)
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Name, short(p.Name))
	}
	if near := sdk.Near(name, names); len(near) > 0 {
		return sdk.Errorf(sdk.CodeNotFound, "no plugin %.100q is installed; did you mean %s?", name, near[0])
	}
	return sdk.Errorf(sdk.CodeNotFound, "no plugin %.100q is installed; to see those that are: enginebay plugin list", name)
}

// current is the version of a plugin that is in use.
func current(p install.Plugin) install.Version {
	i := slices.IndexFunc(p.Versions, func(v install.Version) bool { return v.Current })
	if i < 0 {
		return install.Version{}
	}
	return p.Versions[i]
}
