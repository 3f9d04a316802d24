package pluginhost

import "time"

// SetBounds has plugins of this host take no longer than so. It is called before any starts.
func (h *Host) SetBounds(start, stop, probe time.Duration) { h.bounds = bounds{start, stop, probe} }

// Limits are those of a plugin that sdk/PROTOCOL.md has, in its words.
var Limits = map[string]any{
	"from the start to the end of the first Configure":    usual.start,
	"between two looks whether it answers, and to answer": usual.probe,
	"to end after SIGTERM":                                usual.stop,
	"lines of the log in a second":                        linesPerSecond,
	"pairs of a line":                                     maxPairs,
}

// Passed are the variables that every plugin sees.
var Passed = passed
