package database

import (
	"context"
	"database/sql"
	"path/filepath"

	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/sdk"
)

// What large things leave free of SQLite's disk, in bytes. On a full disk it can write
// no log, and so nothing can be deleted either.
const (
	spare    = 64 << 20 // where the file would grow
	spareLog = 16 << 20 // where it would not: only the log does, which is cut every 4 MiB
)

// Room says whether there is room for something large, before it is written: nil, or
// [sdk.CodeExhausted]. Of PostgreSQL's disk nothing is known here.
func (d *DB) Room(ctx context.Context, bytes int64) error {
	if d.config.URL != "" {
		return nil
	}
	free, err := system.Free(filepath.Dir(d.config.File))
	if err != nil || free >= spare+uint64(bytes) {
		return nil // who cannot tell lets the write find out
	}
	var unused int64 // bytes of the file
	err = d.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size").Scan(&unused)
	})
	if err == nil && (free < spareLog+uint64(bytes) || unused < bytes) {
		err = sdk.Errorf(sdk.CodeExhausted, full)
	}
	return err
}
