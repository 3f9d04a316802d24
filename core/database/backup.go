package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"

	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/sdk"
)

// Backup writes all that the database holds at one moment into a new file, while others
// read and write it. It is a SQLite file, of PostgreSQL too, for [Restore] into either.
// It is for this user alone, and is not there until it is whole. [sdk.CodeInvalid]: a
// file of that name is there; it stays as it is. Other errors are those of [DB.Read].
func (d *DB) Backup(ctx context.Context, file string) error {
	p, err := d.enter(ctx)
	if err != nil {
		return err
	}
	defer d.leave(p)
	return deposit(file, func(temp string) error {
		if err := d.dump(ctx, p, &d.config, temp); err != nil {
			return d.coded(ctx, ctx, err)
		}
		return nil
	})
}

// deposit puts a file where none is, once fill has written it.
func deposit(file string, fill func(temp string) error) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	there := sdk.Errorf(sdk.CodeInvalid, "%s is there already; name a file that is not", file)
	if _, err := os.Lstat(file); err == nil {
		return there
	}
	temp, err := temporary(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	if err := errors.Join(fill(temp), flush(temp)); err != nil {
		return err
	}
	if err := name(temp, file); errors.Is(err, fs.ErrExist) {
		return there
	} else if err != nil {
		return err
	}
	return system.SyncFolder(filepath.Dir(file))
}

// name gives a file another name, or a second one, and unlike a rename replaces nothing:
// [fs.ErrExist].
func name(file, to string) error {
	err := os.Link(file, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	return os.Rename(file, to) // a file system without links
}

// temporary makes an empty file for this user alone.
func temporary(dir string) (string, error) {
	f, err := os.CreateTemp(dir, ".database-*")
	if of := (*fs.PathError)(nil); errors.As(err, &of) { // its name says nothing to anybody
		return "", fmt.Errorf("no file can be made in %s: %w", dir, of.Err)
	}
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// flush waits until a file is on the disk.
func flush(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// dump is a copy that SQLite makes: of one moment, and without what was deleted.
func (s *sqliteFile) dump(ctx context.Context, _ *pools, _ *Config, temp string) error {
	db := s.pool(1, "") // those of the pools for reading may not even do this
	_, err := db.ExecContext(ctx, `VACUUM INTO $1`, temp)
	return errors.Join(err, db.Close())
}

// dump makes the same tables in a SQLite file, and copies row by row.
func (p *postgres) dump(ctx context.Context, have *pools, c *Config, temp string) (err error) {
	to := private(temp)
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := migrate(ctx, goose.DialectSQLite3, to, c.Migrations); err != nil {
		return err
	}
	from, err := have.read.BeginTx(ctx, p.begin(false))
	if err != nil {
		return err
	}
	defer from.Rollback()
	if _, err := from.ExecContext(ctx, `SET LOCAL statement_timeout = 0`); err != nil {
		return err
	}
	tables, err := tablesOf(ctx, to)
	if err != nil {
		return err
	}
	into, err := to.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer into.Rollback()
	for _, t := range tables {
		if err := t.copy(ctx, from, into); err != nil {
			return fmt.Errorf("copy the table %s: %w", t.name, err)
		}
	}
	if err := into.Commit(); err != nil {
		return err
	}
	return checkReferences(ctx, to)
}

// private opens a SQLite file that nobody else sees, and that is of no worth when the
// machine stops. Its references are checked at the end.
func private(file string) *sql.DB {
	db, err := sql.Open("sqlite", at(file)+"&_txlock=immediate&_dqs=0&_journal_mode=MEMORY&_synchronous=OFF&_foreign_keys=0")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

// copy copies the rows of a table from PostgreSQL to SQLite.
func (t table) copy(ctx context.Context, from, into *sql.Tx) error {
	if _, err := into.ExecContext(ctx, `DELETE FROM `+t.name); err != nil {
		return err
	}
	insert, err := into.PrepareContext(ctx, `INSERT INTO `+t.name+` (`+t.columns()+`) VALUES (`+t.placeholders()+`)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	rows, err := from.QueryContext(ctx, t.query())
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		row, err := t.scan(rows)
		if err != nil {
			return err
		}
		if _, err := insert.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// checkReferences says whether every row that another one names is there.
func checkReferences(ctx context.Context, db *sql.DB) error {
	var table, parent string
	var row, key sql.NullInt64
	err := db.QueryRowContext(ctx, `PRAGMA foreign_key_check`).Scan(&table, &row, &parent, &key)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("a row of %s names one of %s that is not there", table, parent))
}
