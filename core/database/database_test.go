package database_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a schema for the tests.
var shelf = fstest.MapFS{
	"00001_shelf.sql": {Data: []byte(`-- +goose Up
CREATE TABLE shelves (id TEXT PRIMARY KEY, made BIGINT NOT NULL);
CREATE TABLE books (id TEXT PRIMARY KEY, shelf TEXT NOT NULL REFERENCES shelves ON DELETE CASCADE, pages BIGINT, body TEXT NOT NULL, cover BYTEA);
CREATE INDEX books_shelf ON books (shelf, pages, id);
`)},
}

// inFile is a database in a new folder.
func inFile(t *testing.T) database.Config {
	return database.Config{File: filepath.Join(t.TempDir(), "data", "shelf.db"), Migrations: shelf}
}

func open(t *testing.T, c database.Config) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(ctx context.Context, db *database.DB, query string, args ...any) error {
	return db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

func count(t *testing.T, db *database.DB, table string) (n int) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *sql.Tx) error {
		return tx.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFile: the file is made for its user alone, and what was written is there when it is opened again.
func TestFile(t *testing.T) {
	c := inFile(t)
	c.File = filepath.Join(filepath.Dir(c.File), "100% of it? #1.db") // signs that mean something in SQLite's names
	db := open(t, c)
	if err := exec(t.Context(), db, `INSERT INTO shelves VALUES ($1, $2)`, "one", 1); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{filepath.Dir(c.File): 0o700, c.File: 0o600, c.File + "-wal": 0o600, c.File + ".lock": 0o600} {
		if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != mode {
			t.Errorf("%s is %v, %v; wanted %v", path, info.Mode(), err, mode)
		}
	}
	if s := db.Status(t.Context()); s.Driver != "sqlite" || s.Where != c.File || s.Schema != 1 || s.Size < 4096 || s.Err != nil {
		t.Errorf("the status is %+v", s)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Errorf("closed a second time: %v", err)
	}
	if err := db.Read(t.Context(), nil); sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Errorf("after Close: %v", err)
	}
	if n := count(t, open(t, c), "shelves"); n != 1 {
		t.Errorf("%d shelves, wanted one", n)
	}
}

// TestErrors: an error of the caller passes, and undoes what was written.
func TestErrors(t *testing.T) {
	db := open(t, inFile(t))
	why := errors.New("a reason")
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO shelves VALUES ('one', 1)`)
		return errors.Join(err, why)
	})
	if !errors.Is(err, why) || count(t, db, "shelves") != 0 {
		t.Errorf("%v, and there are %d shelves", err, count(t, db, "shelves"))
	}
	err = db.Read(t.Context(), func(tx *sql.Tx) error { return sql.ErrNoRows })
	if err != sql.ErrNoRows {
		t.Errorf("reading nothing: %v", err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := exec(gone, db, `DELETE FROM shelves`); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that left: %v", err)
	}
}
