package pluginhost

import (
	"context"
	"os"
	"time"

	"github.com/enginebay/enginebay/schemas"
)

// known is the settings schema of a plugin's program as it was.
type known struct {
	program string
	size    int64
	changed time.Time
	schema  *schemas.Schema
}

// Schema returns the schema of a plugin's settings; nil where it takes none. The
// plugin is started for it once, beside those that run, and stopped again.
//
// Errors: [sdk.CodeNotFound] for a plugin that is not installed,
// [sdk.CodeUnavailable] for one that does not start.
func (h *Host) Schema(ctx context.Context, name string) (*schemas.Schema, error) {
	plugin, err := h.Plugin(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(plugin.Program)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	k, ok := h.schemas[name]
	h.mu.Unlock()
	if ok && k.program == plugin.Program && k.size == info.Size() && k.changed.Equal(info.ModTime()) {
		return k.schema, nil
	}
	k = known{program: plugin.Program, size: info.Size(), changed: info.ModTime()}
	if _, k.schema, err = h.ask(ctx, plugin); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.schemas[name] = k
	return k.schema, nil
}

// Try says whether a deployment would start, by starting it beside what runs and
// stopping it again. Its errors are those of [Host.Connect].
func (h *Host) Try(ctx context.Context, d Deployment) error {
	plugin, err := h.pluginOf(d)
	if err != nil {
		return err
	}
	ctx, done, err := h.trial(ctx)
	if err != nil {
		return err
	}
	defer done()
	p, err := h.launch(ctx, plugin, d, h.config.Log.Named(d.ID))
	if err != nil {
		return err
	}
	p.stop()
	return nil
}
