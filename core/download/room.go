package download

import (
	"path/filepath"
)

// reserve looks whether what all live parts on the disk of one have still to write
// fits there, beside what must stay free. A part whose length nobody knows needs
// just the reserve.
func (c *Client) reserve(p *part, config Config) error {
	if config.Free == nil {
		return nil
	}
	dir := filepath.Dir(p.target.path)
	free, err := config.Free(dir)
	if err != nil {
		config.Log.Warn("nobody knows how much of the disk is free", "folder", dir, "error", err)
		return nil
	}
	c.live.Store(p, disk(dir))
	need := uint64(0)
	c.live.Range(func(other, on any) bool {
		if on.(uint64) == disk(dir) {
			need += uint64(other.(*part).board.missing())
		}
		return true
	})
	if need+config.Reserve > free {
		return exhausted(dir, need, free, config.Reserve)
	}
	return nil
}
