package database_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
	"github.com/enginebay/enginebay/sdk"
)

// again asks until it works: the database is tried at most once a second.
func again(t *testing.T, what string, f func() error) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		err := f()
		if err == nil {
			return time.Since(began)
		}
		if sdk.CodeOf(err) != sdk.CodeUnavailable {
			t.Fatalf("%s: %v", what, err)
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("%s: still %v", what, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestConfigIsWrong: only what can never work is an error of Open, and no error shows a password.
func TestConfigIsWrong(t *testing.T) {
	for name, url := range map[string]string{
		"scheme": "mysql://me:tr0ub4dor@host/db",
		"slash":  "postgres://me:tr0ub4dor/x@host/db",
		"port":   "postgres://me@host:tr0ub4dor/db",
		"option": "postgres://me:tr0ub4dor@host/db?sslmode=tr0ub4dor",
		"none":   "",
	} {
		t.Run(name, func(t *testing.T) {
			db, err := database.Open(t.Context(), database.Config{URL: url, Migrations: shelf})
			if err == nil {
				_ = db.Close()
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), "tr0ub4dor") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// TestPasswordIsHidden: also where PostgreSQL refuses it.
func TestPasswordIsHidden(t *testing.T) {
	right := databasetest.URL(t)
	_, rest, _ := strings.Cut(right, "@")
	var log strings.Builder
	db := open(t, database.Config{URL: "postgres://bay:tr0ub4dor@" + rest + "?application_name=tr0ub4dor", Migrations: shelf, Log: logger(&log)})
	s := db.Status(t.Context())
	if sdk.CodeOf(s.Err) != sdk.CodeUnavailable || !strings.Contains(s.Err.Error(), "password authentication failed") {
		t.Errorf("the error is %v", s.Err)
	}
	if s.Where != "postgres://bay@"+rest {
		t.Errorf("it is at %s", s.Where)
	}
	if all := log.String() + s.Err.Error() + s.Where; strings.Contains(all, "tr0ub4dor") || !strings.Contains(log.String(), "cannot be had") {
		t.Errorf("the password is shown, or nothing is: %s", all)
	}
}

// TestPostgresAway: it may be away when the server starts, and later, and its callers
// are told so at once; it is used again without a restart.
func TestPostgresAway(t *testing.T) {
	pg := databasetest.Own(t)
	if err := pg.Stop(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	db := open(t, database.Config{URL: pg.URL, Migrations: shelf, Log: logger(&log)})
	put := func() error { return write(t.Context(), db, `INSERT INTO shelves SELECT COUNT(*), 1 FROM shelves`) }
	for round := range 3 {
		began := time.Now()
		for time.Since(began) < awayFor()/3 {
			asked := time.Now()
			if err := put(); sdk.CodeOf(err) != sdk.CodeUnavailable {
				t.Fatalf("while it is away: %v", err)
			}
			if took := time.Since(asked); took > 5*time.Second {
				t.Errorf("told after %v", took)
			}
			time.Sleep(time.Millisecond)
		}
		if err := pg.Start(); err != nil {
			t.Fatal(err)
		}
		t.Logf("away for %v, used again after %v", time.Since(began), again(t, "it is back", put))
		if n := count(t, db, "shelves"); n != round+1 {
			t.Errorf("%d shelves after round %d", n, round)
		}
		if err := pg.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := pg.Start(); err != nil { // stopped and started between two transactions: nobody notices
		t.Fatal(err)
	}
	again(t, "it is back", put)
	if err := pg.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := pg.Start(); err != nil {
		t.Fatal(err)
	}
	if err := put(); err != nil {
		t.Errorf("over connections that died: %v", err)
	}
	if n := strings.Count(log.String(), "cannot be had"); n != 3 && n != 4 {
		t.Errorf("the log says %d times that it is away:\n%s", n, log.String())
	}
}

// TestOpenTogether: servers that start at once on an empty PostgreSQL wait for one another.
func TestOpenTogether(t *testing.T) {
	url := databasetest.URL(t)
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			db, err := database.Open(t.Context(), database.Config{URL: url, Migrations: shelf})
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if err := write(t.Context(), db, `INSERT INTO shelves VALUES ($1, 1)`, fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestClose: it waits for who writes, and refuses who comes later.
func TestClose(t *testing.T) {
	databasetest.Configs(t, func(t *testing.T, c database.Config) {
		c.Migrations = shelf
		db := databasetest.Open(t, c)
		closed := make(chan error)
		err := db.Write(t.Context(), func(tx *sql.Tx) error {
			go func() { closed <- db.Close() }()
			for {
				if err := db.Read(t.Context(), func(*sql.Tx) error { return nil }); err != nil {
					if sdk.CodeOf(err) != sdk.CodeUnavailable {
						t.Errorf("after Close: %v", err)
					}
					break
				}
			}
			select {
			case err := <-closed:
				t.Errorf("closed while a transaction runs: %v", err)
			default:
			}
			_, err := tx.Exec(`INSERT INTO shelves VALUES ('late', 1)`)
			return err
		})
		if err := errors.Join(err, <-closed); err != nil {
			t.Error(err)
		}
		if n := count(t, databasetest.Open(t, c), "shelves"); n != 1 {
			t.Errorf("%d shelves", n)
		}
	})
}

// TestCloseWhileNothingAnswers: a server stops all the same.
func TestCloseWhileNothingAnswers(t *testing.T) {
	db := databasetest.Open(t, database.Config{File: filepath.Join(t.TempDir(), "db"), Migrations: shelf})
	closed := make(chan error, 1)
	err := db.Read(t.Context(), func(*sql.Tx) error {
		go func() { closed <- db.Close() }()
		select {
		case err := <-closed:
			if err == nil {
				return errors.New("Close does not say that a transaction was left")
			}
			return nil
		case <-time.After(20 * time.Second):
			return errors.New("Close waits for a transaction that does not end")
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// TestFileInUse: a second server is refused, till the first has ended; who only reads is not.
func TestFileInUse(t *testing.T) {
	c := inFile(t)
	first := open(t, c)
	stock(t, first, 0, 2)
	second := open(t, c)
	if s := second.Status(t.Context()); sdk.CodeOf(s.Err) != sdk.CodeUnavailable || !strings.Contains(s.Err.Error(), "Another process") {
		t.Errorf("two servers: %v", s.Err)
	}
	c.ReadOnly = true
	reader := databasetest.Open(t, c)
	if n := count(t, reader, "shelves"); n != 2 {
		t.Errorf("beside a server: %d shelves", n)
	}
	if err := write(t.Context(), reader, `DELETE FROM shelves`); err == nil {
		t.Error("who only reads may write")
	}
	if err := reader.Backup(t.Context(), filepath.Join(t.TempDir(), "backup.db")); err != nil {
		t.Error(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again(t, "the first has ended", func() error { return second.Status(t.Context()).Err })
}

// TestReadOnlyMakesNothing: not even a folder.
func TestReadOnlyMakesNothing(t *testing.T) {
	databasetest.Configs(t, func(t *testing.T, c database.Config) {
		if c.URL == "" {
			c.File = filepath.Join(filepath.Dir(c.File), "data", "x.db")
		}
		c.Migrations, c.ReadOnly = shelf, true
		if s := open(t, c).Status(t.Context()); sdk.CodeOf(s.Err) != sdk.CodeUnavailable {
			t.Errorf("the status is %+v", s)
		}
		if _, err := os.Stat(filepath.Dir(c.File)); c.URL == "" && !os.IsNotExist(err) {
			t.Errorf("the folder is there: %v", err)
		}
		c.ReadOnly = false
		stock(t, databasetest.Open(t, c), 0, 1)
		c.ReadOnly = true
		if n := count(t, databasetest.Open(t, c), "shelves"); n != 1 {
			t.Errorf("%d shelves", n)
		}
	})
}

// TestNewerSchema: tables that a newer program changed are left alone.
func TestNewerSchema(t *testing.T) {
	databasetest.Configs(t, func(t *testing.T, c database.Config) {
		c.Migrations = fstest.MapFS{"00001_shelf.sql": shelf["00001_shelf.sql"], "00002_more.sql": {Data: []byte("-- +goose Up\nCREATE TABLE more (id TEXT PRIMARY KEY);\n")}}
		newer := databasetest.Open(t, c)
		if s := newer.Status(t.Context()); s.Schema != 2 {
			t.Errorf("the status is %+v", s)
		}
		_ = newer.Close()
		for _, c.ReadOnly = range []bool{false, true} {
			c.Migrations = shelf
			s := open(t, c).Status(t.Context())
			if sdk.CodeOf(s.Err) != sdk.CodeUnavailable || !strings.Contains(s.Err.Error(), "newer") {
				t.Errorf("the error is %v", s.Err)
			}
		}
	})
}

// TestDamagedFile: Open takes it, for the sake of all else that a server does, and what
// is put into its place is used without a restart.
func TestDamagedFile(t *testing.T) {
	noise := []byte(strings.Repeat("no database ", 10000))
	damage := map[string]func(t *testing.T, c database.Config) *database.DB{
		"before": func(t *testing.T, c database.Config) *database.DB {
			if err := os.MkdirAll(filepath.Dir(c.File), 0o700); err != nil {
				t.Fatal(err)
			}
			overwrite(t, c.File, noise)
			return open(t, c)
		},
		"while it is open": func(t *testing.T, c database.Config) *database.DB {
			db := open(t, c)
			stock(t, db, 0, 200)
			_ = db.Read(t.Context(), func(tx *sql.Tx) error {
				_, err := tx.Exec(`SELECT COUNT(*) FROM books`)
				return err
			})
			_ = db.Close()
			db = open(t, c)
			data, err := os.ReadFile(c.File)
			if err != nil {
				t.Fatal(err)
			}
			copy(data[4096:], noise) // all but the first page
			overwrite(t, c.File, data)
			return db
		},
	}
	for name, make := range damage {
		t.Run(name, func(t *testing.T) {
			c := inFile(t)
			db := make(t, c)
			err := db.Read(t.Context(), func(tx *sql.Tx) error {
				var n int
				return tx.QueryRow(`SELECT COUNT(*) FROM books WHERE body <> ''`).Scan(&n)
			})
			if sdk.CodeOf(err) != sdk.CodeUnavailable || !strings.Contains(err.Error(), "damaged") {
				t.Fatalf("the error is %v", err)
			}
			source := open(t, inFile(t))
			stock(t, source, 0, 3)
			backup := filepath.Join(t.TempDir(), "backup.db")
			if err := source.Backup(t.Context(), backup); err != nil {
				t.Fatal(err)
			}
			if err := database.Restore(t.Context(), c, backup); err != nil {
				t.Fatal(err)
			}
			again(t, "it was restored", func() error { return db.Status(t.Context()).Err })
			if n := count(t, db, "books"); n != 3 {
				t.Errorf("%d books", n)
			}
		})
	}
}
