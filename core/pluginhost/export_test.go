package pluginhost

import "time"

// SetBounds has plugins of this host take no longer than so. It is called before any starts.
func (h *Host) SetBounds(start, stop, probe time.Duration) { h.bounds = bounds{start, stop, probe} }
