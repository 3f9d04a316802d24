package install

import "time"

// SetReached has f be told of each step of a change.
func SetReached(f func(step string)) { reached = f }

// SetNow has registries expire by another clock.
func (c *Config) SetNow(now func() time.Time) { c.now = now }
