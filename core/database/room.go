package database

import (
	"path/filepath"

	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/sdk"
)

// spare is what large things leave free of SQLite's disk, in bytes: its log may grow to
// this before it is cut, and on a full disk nothing can be deleted either.
const spare = 64 << 20

// Room says whether there is room for something large, before it is written: nil, or
// [sdk.CodeExhausted]. Of the disk of PostgreSQL nothing is known here.
func (d *DB) Room(bytes int64) error {
	if d.config.URL != "" {
		return nil
	}
	free, err := system.Free(filepath.Dir(d.config.File))
	if err == nil && free < spare+uint64(bytes) {
		return sdk.Errorf(sdk.CodeExhausted, full)
	}
	return nil // who cannot tell lets the write find out
}
