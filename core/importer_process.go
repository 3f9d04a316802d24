package core

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// importerRest is how long an importer's process stays after it was asked last.
const importerRest = 5 * time.Minute

// importerUse counts who asks an importer now. Its process is stopped, with mu held,
// when nobody has for a while.
type importerUse struct {
	mu    sync.Mutex
	users int
	idle  *time.Timer
}

// ask calls an importer, starting it where it does not run.
func ask[T any](ctx context.Context, r *Runtime, in importer, call func(*pluginhost.Process) (T, error)) (answer T, err error) {
	id := in.Deployment.ID
	r.mu.Lock()
	use := r.importerUses[id]
	if use == nil {
		use = &importerUse{}
		r.importerUses[id] = use
	}
	r.mu.Unlock()
	use.begin()
	defer use.end(func() { r.host.Stop(id) })
	process, release, err := r.host.Use(ctx, in.Deployment.Deployment) // another version does not end it under who asks
	if err != nil {
		return answer, err
	}
	defer release()
	if !slices.Contains(process.Description.Kinds, sdk.KindImporter) {
		return answer, sdk.Errorf(sdk.CodeInternal, "plugin %s is no importer, though its %s says so", in.plugin.Name, pluginhost.ManifestFile)
	}
	return call(process)
}

func (u *importerUse) begin() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.users++
	if u.idle != nil {
		u.idle.Stop()
	}
}

func (u *importerUse) end(stop func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.users--
	if u.users > 0 {
		return
	}
	u.idle = time.AfterFunc(importerRest, func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.users == 0 {
			stop()
		}
	})
}
