package database_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
	"github.com/enginebay/enginebay/sdk"
)

// stock puts shelves into a database, each with a book.
func stock(t *testing.T, db *database.DB, from, to int) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		for i := from; i < to; i++ {
			id := fmt.Sprintf("%05d", i)
			if _, err := tx.ExecContext(t.Context(), `INSERT INTO shelves VALUES ($1, $2)`, id, i); err != nil {
				return err
			}
			if _, err := tx.ExecContext(t.Context(), `INSERT INTO books VALUES ($1, $1, $2, $3, $4)`, id, nil, "Ä€ "+id, []byte{0, byte(i)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sum is all that a database holds, as a text.
func sum(t *testing.T, db *database.DB) string {
	t.Helper()
	var b strings.Builder
	err := db.Read(t.Context(), func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(t.Context(), `SELECT s.id, s.made, b.pages, b.body, b.cover FROM shelves s JOIN books b ON b.shelf = s.id ORDER BY s.id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id, body string
			var made int64
			var pages sql.NullInt64
			var cover []byte
			if err := rows.Scan(&id, &made, &pages, &body, &cover); err != nil {
				return err
			}
			fmt.Fprintln(&b, id, made, pages, body, cover)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestBackupRestore: from each database into each, while the first is written to.
func TestBackupRestore(t *testing.T) {
	databasetest.Configs(t, func(t *testing.T, from database.Config) {
		from.Migrations = shelf
		db := databasetest.Open(t, from)
		stock(t, db, 0, 500)
		want := sum(t, db)
		file := filepath.Join(t.TempDir(), "backup.db")
		if err := db.Backup(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		stock(t, db, 500, 510)
		if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("the backup is %v, %v", info.Mode(), err)
		}
		alone(t, file)
		if err := db.Backup(t.Context(), file); sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("over a file that is there: %v", err)
		}
		alone(t, file)
		databasetest.Configs(t, func(t *testing.T, to database.Config) {
			to.Migrations = shelf
			if err := database.Restore(t.Context(), to, file); err != nil {
				t.Fatal(err)
			}
			if got := sum(t, databasetest.Open(t, to)); got != want {
				t.Errorf("restored %d bytes, wanted %d", len(got), len(want))
			}
		})
		alone(t, file)
	})
}

// alone says whether a file is alone in its folder.
func alone(t *testing.T, file string) {
	t.Helper()
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("beside %s: %v, %v", file, entries, err)
	}
}

// TestBackupWhileWritten: a backup is of one moment.
func TestBackupWhileWritten(t *testing.T) {
	databasetest.Each(t, shelf, func(t *testing.T, db *database.DB) {
		stock(t, db, 0, 100)
		ctx, stop := context.WithCancel(t.Context())
		written := make(chan error)
		go func() {
			var err error
			for i := 100; err == nil; i++ { // a shelf and its book, in one transaction
				err = db.Write(ctx, func(tx *sql.Tx) error {
					id := fmt.Sprintf("%05d", i)
					_, err := tx.ExecContext(ctx, `INSERT INTO shelves VALUES ($1, 0)`, id)
					if err == nil {
						_, err = tx.ExecContext(ctx, `INSERT INTO books (id, shelf, body) VALUES ($1, $1, '')`, id)
					}
					return err
				})
			}
			written <- err
		}()
		for i := range 5 {
			file := filepath.Join(t.TempDir(), "backup.db")
			if err := db.Backup(t.Context(), file); err != nil {
				t.Fatal(err)
			}
			c := database.Config{File: file, Migrations: shelf}
			copied := databasetest.Open(t, c)
			if shelves, books := count(t, copied, "shelves"), count(t, copied, "books"); shelves != books || shelves < 100 {
				t.Errorf("backup %d has %d shelves and %d books", i, shelves, books)
			}
		}
		stop()
		if err := <-written; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestRestoreOver: what was there is kept, or has to be given up.
func TestRestoreOver(t *testing.T) {
	databasetest.Configs(t, func(t *testing.T, c database.Config) {
		c.Migrations = shelf
		db := databasetest.Open(t, c)
		stock(t, db, 0, 3)
		file := filepath.Join(t.TempDir(), "backup.db")
		if err := db.Backup(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		want := sum(t, db)
		stock(t, db, 3, 7)
		late := sum(t, db)
		err := database.Restore(t.Context(), c, file)
		if c.URL != "" {
			if sdk.CodeOf(err) != sdk.CodeInvalid || sum(t, db) != late {
				t.Errorf("into one that is not empty: %v", err)
			}
			c.Replace = true
			if err := database.Restore(t.Context(), c, file); err != nil || sum(t, db) != want { // the server may run
				t.Errorf("replaced: %v", err)
			}
			return
		}
		if sdk.CodeOf(err) != sdk.CodeUnavailable {
			t.Errorf("while a server has it: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := database.Restore(t.Context(), c, file); err != nil {
				t.Fatal(err)
			}
		}
		for suffix, text := range map[string]string{"": want, ".before-restore": late, ".before-restore-2": want} {
			kept := c
			kept.File += suffix
			if got := sum(t, databasetest.Open(t, kept)); got != text {
				t.Errorf("%q holds %q, wanted %q", suffix, got, text)
			}
		}
	})
}

// TestRestoreRefuses: what is no good backup changes nothing.
func TestRestoreRefuses(t *testing.T) {
	good := func(t *testing.T, migrations fs.FS, statements ...string) string {
		db := open(t, database.Config{File: filepath.Join(t.TempDir(), "x.db"), Migrations: migrations})
		stock(t, db, 0, 200)
		for _, s := range statements {
			if err := write(t.Context(), db, s); err != nil {
				t.Fatal(err)
			}
		}
		file := filepath.Join(t.TempDir(), "backup.db")
		if err := db.Backup(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		return file
	}
	spoil := func(t *testing.T, from, to int) string {
		file := good(t, shelf)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := from; i < min(to, len(data)); i++ {
			data[i] ^= 0x5a
		}
		return file + overwrite(t, file, data)
	}
	newer := fstest.MapFS{"00001_shelf.sql": shelf["00001_shelf.sql"], "00002_more.sql": {Data: []byte("-- +goose Up\nCREATE TABLE more (id TEXT PRIMARY KEY);\n")}}
	for name, file := range map[string]func(t *testing.T) string{
		"none":  func(t *testing.T) string { return filepath.Join(t.TempDir(), "none") },
		"empty": func(t *testing.T) string { f := filepath.Join(t.TempDir(), "f"); return f + overwrite(t, f, nil) },
		"text": func(t *testing.T) string {
			f := filepath.Join(t.TempDir(), "f")
			return f + overwrite(t, f, []byte(strings.Repeat("no database ", 1000)))
		},
		"page":  func(t *testing.T) string { return spoil(t, 4096, 8192) },
		"half":  func(t *testing.T) string { f := good(t, shelf); return f + truncate(t, f) },
		"newer": func(t *testing.T) string { return good(t, newer) },
		"trigger": func(t *testing.T) string {
			return good(t, shelf, `CREATE TRIGGER x AFTER INSERT ON books BEGIN DELETE FROM shelves; END`)
		},
		"trigger with a name that is passed over": func(t *testing.T) string {
			return good(t, shelf, `CREATE TRIGGER goose_db_version AFTER INSERT ON books BEGIN DELETE FROM shelves; END`)
		},
		"trigger with a name of SQLite's": func(t *testing.T) string {
			return good(t, shelf, `PRAGMA writable_schema = 1`,
				`INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES ('trigger', 'sqlite_x', 'books', 0, 'CREATE TRIGGER sqlite_x AFTER INSERT ON books BEGIN DELETE FROM shelves; END')`)
		},
		"trigger of goose's table": func(t *testing.T) string {
			return good(t, shelf, `CREATE TRIGGER x AFTER INSERT ON goose_db_version BEGIN DELETE FROM shelves; END`)
		},
		"folder": func(t *testing.T) string { return t.TempDir() },
		"table":  func(t *testing.T) string { return good(t, shelf, `CREATE TABLE other (id TEXT)`) },
	} {
		t.Run(name, func(t *testing.T) {
			c := inFile(t)
			db := open(t, c)
			stock(t, db, 0, 1)
			want := sum(t, db)
			_ = db.Close()
			before := names(t, filepath.Dir(c.File))
			if err := database.Restore(t.Context(), c, file(t)); sdk.CodeOf(err) != sdk.CodeInvalid {
				t.Errorf("the error is %v", err)
			}
			if after := names(t, filepath.Dir(c.File)); after != before {
				t.Errorf("the folder has %s, had %s", after, before)
			}
			if sum(t, open(t, c)) != want {
				t.Error("the database has changed")
			}
		})
	}
}

// TestRestoreOlder: a backup of an older program gets the newer tables.
func TestRestoreOlder(t *testing.T) {
	db := open(t, inFile(t))
	stock(t, db, 0, 5)
	file := filepath.Join(t.TempDir(), "backup.db")
	if err := db.Backup(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	databasetest.Configs(t, func(t *testing.T, c database.Config) {
		c.Migrations = fstest.MapFS{"00001_shelf.sql": shelf["00001_shelf.sql"], "00002_author.sql": {Data: []byte("-- +goose Up\nALTER TABLE books ADD COLUMN author TEXT NOT NULL DEFAULT 'unknown';\n")}}
		if err := database.Restore(t.Context(), c, file); err != nil {
			t.Fatal(err)
		}
		newer := databasetest.Open(t, c)
		var n int
		err := newer.Read(t.Context(), func(tx *sql.Tx) error {
			return tx.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM books WHERE author = 'unknown'`).Scan(&n)
		})
		if err != nil || n != 5 || newer.Status(t.Context()).Schema != 2 {
			t.Errorf("%d books, %v, %+v", n, err, newer.Status(t.Context()))
		}
	})
}

func overwrite(t *testing.T, file string, data []byte) string {
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return ""
}

func truncate(t *testing.T, file string) string {
	info, err := os.Stat(file)
	if err == nil {
		err = os.Truncate(file, info.Size()/8192*4096)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ""
}

func names(t *testing.T, dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(entries)
}
