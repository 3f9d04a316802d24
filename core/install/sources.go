package install

import (
	"context"
	"strings"

	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// client reads registries.
func (i *Installer) client() *registry.Client {
	return registry.New(registry.Config{Cache: registry.CacheDir(i.config.Home), Downloads: i.config.Downloads(),
		Log: i.config.Log, Now: i.config.now})
}

// registries are those of the home, with their indexes. Where some cannot be asked
// the others count, and the warnings say why; where none can, that is an error.
func (i *Installer) registries(ctx context.Context) (all []*registry.Registry, warnings []string, err error) {
	sources, err := registry.ReadSources(i.config.Home)
	if err != nil {
		return nil, nil, &sdk.Error{Code: sdk.CodeInvalid, Message: "The registries cannot be read", Cause: err}
	}
	all, problems := i.client().Indexes(ctx, sources)
	if len(all) == 0 && len(problems) > 0 {
		return nil, nil, problems[0]
	}
	return all, texts(problems), nil
}

// lockedRegistries are those that may have what a lock file pins: without any, the
// addresses in it will do.
func (i *Installer) lockedRegistries(ctx context.Context) ([]*registry.Registry, []string) {
	sources, err := registry.ReadSources(i.config.Home)
	if err != nil {
		return nil, []string{err.Error()}
	}
	all, problems := i.client().LockedIndexes(ctx, sources)
	return all, texts(problems)
}

func texts(errs []error) (all []string) {
	for _, err := range errs {
		all = append(all, err.Error())
	}
	return all
}

// at says where the package is.
func (w *wanted) at(location string) {
	if strings.Contains(location, "://") {
		w.url = location
	} else {
		w.path = location
	}
}
