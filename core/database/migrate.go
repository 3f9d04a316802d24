package database

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/enginebay/enginebay/sdk"
)

// migrate brings the tables up to date. A database of a newer program is left alone.
func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, migrations fs.FS, options ...goose.ProviderOption) error {
	options = append(options, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	p, err := goose.NewProvider(dialect, db, migrations, options...)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema of the database: %w", err)
	}
	if has > knows {
		return newer(has, knows)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the tables up to date: %w", err)
	}
	return nil
}

// newer is the error for a database that a newer program has changed.
func newer(has, knows int64) *sdk.Error {
	return sdk.Errorf(sdk.CodeUnavailable, "The database has schema %d, and this program knows none after %d: use the Engine Bay that made it, or a newer one", has, knows)
}

// newest returns the number of the newest migration there is.
func newest(migrations fs.FS) (int64, error) {
	files, err := fs.Glob(migrations, "*.sql")
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("there are no migrations: %w", err)
	}
	return goose.NumericComponent(files[len(files)-1])
}

// ErrEmpty says that a PostgreSQL, opened to be read, has none of the tables yet.
var ErrEmpty = sdk.Errorf(sdk.CodeUnavailable, "The database is empty: start the server once, which makes its tables")

// current says whether a database that is only read has the tables that this program knows.
func current(ctx context.Context, db *sql.DB, migrations fs.FS) error {
	knows, err := newest(migrations)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback()
	has, err := schemaOf(ctx, tx)
	switch {
	case hasNoTable(err):
		return ErrEmpty
	case err != nil:
		return err
	case has > knows:
		return newer(has, knows)
	case has < knows:
		return sdk.Errorf(sdk.CodeUnavailable, "The database has schema %d, and this program wants %d: start the server once, which brings it up to date", has, knows)
	}
	return nil
}

// schemaOf returns the number of the newest migration that a database has.
func schemaOf(ctx context.Context, tx *sql.Tx) (has int64, err error) {
	err = tx.QueryRowContext(ctx, schemaQuery).Scan(&has)
	return has, err
}

const schemaQuery = `SELECT COALESCE(MAX(version_id), 0) FROM ` + goose.DefaultTablename
