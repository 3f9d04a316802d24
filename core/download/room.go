package download

import (
	"fmt"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/sdk"
)

// fits looks whether all files of a fetch have room, before the first of them is
// begun. The length of some may not be known yet.
func (c *Client) fits(fetches []*fetch) error {
	need := map[uint64]uint64{}
	for _, f := range fetches {
		if f.finished.Load() {
			continue
		}
		done, _, _, _ := Partial(f.file.Path)
		dir := filepath.Dir(f.file.Path)
		on := system.Disk(dir)
		need[on] += uint64(max(0, f.file.Size-done))
		if err := c.room(dir, need[on]+c.owed(on), f.Config); err != nil {
			return err
		}
	}
	return nil
}

// reserve looks whether what a part and all others on its disk have still to write
// fits there. One whose length nobody knows needs just what stays free.
func (c *Client) reserve(p *part, config Config) error {
	dir := filepath.Dir(p.target.path)
	on := system.Disk(dir)
	c.live.Store(p, on)
	return c.room(dir, c.owed(on), config)
}

// owed is what live parts on a disk have still to write.
func (c *Client) owed(disk uint64) (sum uint64) {
	c.live.Range(func(p, on any) bool {
		if on.(uint64) == disk {
			sum += uint64(p.(*part).board.missing())
		}
		return true
	})
	return sum
}

// room looks whether so much fits into a folder, beside what must stay free.
func (c *Client) room(dir string, need uint64, config Config) error {
	if config.Free == nil {
		return nil
	}
	free, err := config.Free(dir)
	if err != nil {
		config.Log.Warn("nobody knows how much of the disk is free", "folder", dir, "error", err)
		return nil
	}
	if need+config.Reserve <= free {
		return nil
	}
	reserve := ""
	if config.Reserve > 0 {
		reserve = fmt.Sprintf(" beside the %s that stay in reserve (download_reserve)", humanize.Bytes(config.Reserve))
	}
	return sdk.Errorf(sdk.CodeExhausted, "The disk of %s has %s free, and the download needs %s%s; make room, and go on with it then",
		dir, humanize.Bytes(free), humanize.Bytes(need), reserve)
}
