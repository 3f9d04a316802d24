package database_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
	"github.com/enginebay/enginebay/sdk"
)

// children are what this program does in place of the tests, for tests that need another process.
var children = map[string]func() error{}

const childVariable = "ENGINEBAY_TEST_CHILD"

func TestMain(m *testing.M) {
	if child := children[os.Getenv(childVariable)]; child != nil {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

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

func write(ctx context.Context, db *database.DB, query string, args ...any) error {
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
	if err := write(t.Context(), db, `INSERT INTO shelves VALUES ($1, $2)`, "one", 1); err != nil {
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

// TestBoth: what both databases do alike.
func TestBoth(t *testing.T) {
	databasetest.Each(t, shelf, func(t *testing.T, db *database.DB) {
		t.Run("types", func(t *testing.T) { types(t, db) })
		t.Run("unique", func(t *testing.T) { unique(t, db) })
		t.Run("errors", func(t *testing.T) { passes(t, db) })
		t.Run("snapshot", func(t *testing.T) { snapshot(t, db) })
		t.Run("status", func(t *testing.T) {
			if s := db.Status(t.Context()); s.Schema != 1 || s.Size < 4096 || s.Err != nil {
				t.Errorf("the status is %+v", s)
			}
		})
	})
}

// types: what was written is read.
func types(t *testing.T, db *database.DB) {
	body, cover := `{"name":"Ä\u0000 €"}`, []byte{0, 255, 7}
	if err := write(t.Context(), db, `INSERT INTO shelves VALUES ($1, $2)`, "types", int64(1)<<60); err != nil {
		t.Fatal(err)
	}
	if err := write(t.Context(), db, `INSERT INTO books (id, shelf, body, cover) VALUES ($2, $1, $3, $4)`, "types", "book", body, cover); err != nil {
		t.Fatal(err)
	}
	var made int64
	var pages sql.NullInt64
	var gotBody string
	var gotCover []byte
	err := db.Read(t.Context(), func(tx *sql.Tx) error {
		row := tx.QueryRowContext(t.Context(), `SELECT s.made, b.pages, b.body, b.cover FROM books b JOIN shelves s ON s.id = b.shelf
			WHERE (b.shelf, b.id) > ($1, $2) ORDER BY b.shelf, b.id LIMIT $3`, "types", "a", 1)
		return row.Scan(&made, &pages, &gotBody, &gotCover)
	})
	if err != nil || made != int64(1)<<60 || pages.Valid || gotBody != body || !bytes.Equal(gotCover, cover) {
		t.Errorf("read %d, %v, %q, %v, %v", made, pages, gotBody, gotCover, err)
	}
	if err := write(t.Context(), db, `DELETE FROM shelves`); err != nil || count(t, db, "books") != 0 {
		t.Errorf("the books went not with their shelf: %d, %v", count(t, db, "books"), err)
	}
	if err := write(t.Context(), db, `INSERT INTO books (id, shelf, body) VALUES ('a', 'none', '')`); err == nil {
		t.Error("a book is on a shelf that is not there")
	}
}

func unique(t *testing.T, db *database.DB) {
	for i, want := range []bool{false, true} {
		if err := write(t.Context(), db, `INSERT INTO shelves VALUES ('unique', $1)`, i); database.IsUnique(err) != want {
			t.Errorf("insert %d: %v", i, err)
		}
	}
	if err := write(t.Context(), db, `INSERT INTO shelves VALUES ('other', NULL)`); err == nil || database.IsUnique(err) {
		t.Errorf("without its time: %v", err)
	}
}

// passes: an error of the caller passes, and undoes what was written.
func passes(t *testing.T, db *database.DB) {
	before := count(t, db, "shelves")
	why := errors.New("a reason")
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO shelves VALUES ('passes', 1)`)
		return errors.Join(err, why)
	})
	if !errors.Is(err, why) || count(t, db, "shelves") != before {
		t.Errorf("%v, and there are %d shelves", err, count(t, db, "shelves"))
	}
	if err := db.Read(t.Context(), func(*sql.Tx) error { return sql.ErrNoRows }); err != sql.ErrNoRows {
		t.Errorf("reading nothing: %v", err)
	}
	err = db.Read(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `DELETE FROM shelves`)
		return err
	})
	if err == nil || count(t, db, "shelves") != before {
		t.Errorf("written while reading: %v, and there are %d shelves", err, count(t, db, "shelves"))
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := write(gone, db, `DELETE FROM shelves`); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that left: %v", err)
	}
}

// snapshot: who reads sees one state, while another writes.
func snapshot(t *testing.T, db *database.DB) {
	var seen [2]int
	err := db.Read(t.Context(), func(tx *sql.Tx) error {
		for i := range seen {
			if err := tx.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM shelves`).Scan(&seen[i]); err != nil {
				return err
			}
			if err := write(t.Context(), db, `INSERT INTO shelves VALUES ($1, 1)`, fmt.Sprint("snapshot", i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || seen[0] != seen[1] {
		t.Errorf("there were %v shelves, %v", seen, err)
	}
}
