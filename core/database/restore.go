package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/sdk"
)

// Restore puts what a file of [DB.Backup] holds into a database, all or nothing.
//
//   - SQLite: what was there stays beside it, as FILE.before-restore (or -2, -3 …).
//     [sdk.CodeUnavailable]: a server uses the file.
//   - PostgreSQL: its tables have to be empty ([sdk.CodeInvalid]), or [Config].Replace
//     says that what they hold is deleted. Servers that use it wait.
//
// [sdk.CodeInvalid]: the file is damaged, is no backup, or one of a newer program. A
// backup of an older program is brought up to date on its way.
func Restore(ctx context.Context, c Config, file string) error {
	back, err := backendOf(c)
	if err != nil {
		return err
	}
	if err := back.restore(ctx, &c, file); err != nil {
		return (&DB{backend: back}).coded(ctx, ctx, err)
	}
	return nil
}

func (s *sqliteFile) restore(ctx context.Context, c *Config, file string) error {
	dir := filepath.Dir(s.file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	temp, err := verified(ctx, c, file, dir)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	kept, err := s.keep(ctx)
	if err != nil {
		return fmt.Errorf("keep the database that is there: %w", err)
	}
	if kept != "" && c.Log != nil {
		c.Log.Info("what was there is kept", "file", kept)
	}
	return errors.Join(os.Rename(temp, s.file), system.SyncFolder(dir))
}

// keep names the file that is there anew, and returns that name; empty where there is none.
func (s *sqliteFile) keep(ctx context.Context) (string, error) {
	if _, err := os.Stat(s.file); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	db := s.pool(1, "")
	_ = db.PingContext(ctx) // who closes it last moves its log into it; a damaged one stays as it is
	_ = db.Close()
	kept := s.file + ".before-restore"
	for n := 2; ; n++ {
		err := name(s.file, kept)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		kept = fmt.Sprintf("%s.before-restore-%d", s.file, n)
	}
	for _, log := range []string{"-wal", "-shm"} { // of a damaged file: they must not get to another
		if err := os.Rename(s.file+log, kept+log); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return kept, nil
}

// verified makes a copy of a backup that is good, and up to date.
func verified(ctx context.Context, c *Config, file, dir string) (_ string, err error) {
	temp, err := temporary(dir)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp)
		}
	}()
	if err := extract(ctx, c, file, temp); err != nil {
		return "", err
	}
	db := private(temp)
	err = migrate(ctx, goose.DialectSQLite3, db, c.Migrations)
	if err == nil {
		if why := errors.Join(checkSchema(ctx, db, c.Migrations), checkReferences(ctx, db)); why != nil {
			err = notBackup(file, why)
		}
	}
	return temp, errors.Join(err, db.Close(), flush(temp))
}

// notBackup is the error for a file that cannot be restored.
func notBackup(file string, why error) error {
	return &sdk.Error{Code: sdk.CodeInvalid, Message: fmt.Sprintf("%s is damaged, or is no backup of Engine Bay's database", file), Cause: why}
}

// extract copies a backup once its pages and indices were checked.
func extract(ctx context.Context, c *Config, file, temp string) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	switch info, err := os.Stat(file); {
	case err != nil:
		return &sdk.Error{Code: sdk.CodeInvalid, Message: "The backup cannot be read", Cause: err}
	case !info.Mode().IsRegular(): // a pipe would be waited for
		return notBackup(file, errors.New("it is no file"))
	}
	from, err := sql.Open("sqlite", strings.Replace(at(file), "mode=rw", "mode=ro", 1)+"&_defensive=1&_pragma=trusted_schema(0)&_pragma=cell_size_check(1)")
	if err != nil {
		panic(err)
	}
	defer from.Close()
	from.SetMaxOpenConns(1)
	var fault string
	err = from.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&fault)
	if err == nil && fault != "ok" {
		err = errors.New(fault)
	}
	if err != nil {
		return notBackup(file, err)
	}
	var has int64
	if err := from.QueryRowContext(ctx, schemaQuery).Scan(&has); err != nil || has == 0 {
		return notBackup(file, err)
	}
	if knows, err := newest(c.Migrations); err != nil || has > knows {
		return errors.Join(err, &sdk.Error{Code: sdk.CodeInvalid, Message: newer(has, knows).Message})
	}
	_, err = from.ExecContext(ctx, `VACUUM INTO $1`, temp)
	return err
}

// checkSchema says whether a file has what the migrations make, and nothing else: no
// trigger, and no table of another program. Only tables are passed over by their names,
// goose's and SQLite's own: a trigger may be called as they are.
func checkSchema(ctx context.Context, db *sql.DB, migrations fs.FS) error {
	model, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		panic(err)
	}
	defer model.Close()
	model.SetMaxOpenConns(1)
	if err := migrate(ctx, goose.DialectSQLite3, model, migrations); err != nil {
		return err
	}
	var schemas [2][]string
	for i, each := range []*sql.DB{model, db} {
		const query = `SELECT type || ' ' || name || ' ' || COALESCE(sql, '') FROM sqlite_master
			WHERE type <> 'table' OR name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name <> $1 ORDER BY type, name`
		if schemas[i], err = texts(ctx, each, query, goose.DefaultTablename); err != nil {
			return err
		}
	}
	if !slices.Equal(schemas[0], schemas[1]) {
		return errors.New("its tables are not those of this program")
	}
	return nil
}

func (p *postgres) restore(ctx context.Context, c *Config, file string) error {
	temp, err := verified(ctx, c, file, "")
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	if err := p.prepare(ctx, c); err != nil {
		return err
	}
	from := private(temp)
	defer from.Close()
	tables, err := tablesOf(ctx, from)
	if err != nil {
		return err
	}
	config := p.config.Copy()
	config.RuntimeParams["statement_timeout"] = "0"
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	to := stdlib.OpenDB(*config)
	defer to.Close()
	conn, err := to.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(raw any) error {
		return pgx.BeginFunc(ctx, raw.(*stdlib.Conn).Conn(), func(tx pgx.Tx) error {
			return fill(ctx, tx, from, tables, c.Replace)
		})
	})
}

// fill copies tables from SQLite to PostgreSQL, into which nobody else writes meanwhile.
func fill(ctx context.Context, tx pgx.Tx, from *sql.DB, tables []table, replace bool) error {
	var names []string
	for _, t := range tables {
		names = append(names, t.name)
	}
	all := strings.Join(names, ", ")
	if _, err := tx.Exec(ctx, `LOCK TABLE `+all+` IN ACCESS EXCLUSIVE MODE`); err != nil {
		return err
	}
	for _, t := range tables {
		var holds bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM `+t.name+`)`).Scan(&holds); err != nil {
			return err
		}
		if holds && !replace {
			return sdk.Errorf(sdk.CodeInvalid, "The database is not empty: its table %s has rows; with --replace they are deleted", t.name)
		}
	}
	if _, err := tx.Exec(ctx, `TRUNCATE `+all); err != nil {
		return err
	}
	for _, t := range tables {
		if err := t.send(ctx, from, tx); err != nil {
			return fmt.Errorf("copy the table %s: %w", t.name, err)
		}
	}
	return nil
}

// send copies the rows of a table from SQLite to PostgreSQL, in one statement: rows of
// it that name others of it may come in any order.
func (t table) send(ctx context.Context, from *sql.DB, to pgx.Tx) error {
	rows, err := from.QueryContext(ctx, t.query())
	if err != nil {
		return err
	}
	defer rows.Close()
	_, err = to.CopyFrom(ctx, pgx.Identifier{t.name}, t.names, pgx.CopyFromFunc(func() ([]any, error) {
		if !rows.Next() {
			return nil, rows.Err()
		}
		return t.scan(rows)
	}))
	return err
}
