package download

import "time"

// Hasten makes a client impatient: a stall is that long, and waits are a hundredth
// of it.
func (c *Client) Hasten(stall time.Duration) {
	c.pace = pace{stall: stall, save: stall / 20, report: 5 * time.Millisecond, wait: time.Millisecond, waits: 4 * time.Millisecond, tries: 3}
}
