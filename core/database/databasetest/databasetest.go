// Package databasetest runs tests on SQLite and on PostgreSQL. The PostgreSQL is what
// "make postgres" has put into build/postgres.
package databasetest

import (
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/database"
)

// Each runs a test on each database, with a new one that is closed at the end.
func Each(t *testing.T, migrations fs.FS, test func(t *testing.T, db *database.DB)) {
	t.Helper()
	Configs(t, func(t *testing.T, c database.Config) {
		c.Migrations = migrations
		test(t, Open(t, c))
	})
}

// Configs runs a test with the configuration of a new database of each kind, for tests
// that open theirs more than once.
func Configs(t *testing.T, test func(t *testing.T, c database.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		test(t, database.Config{File: filepath.Join(t.TempDir(), "enginebay.db")})
	})
	t.Run("postgres", func(t *testing.T) { test(t, database.Config{URL: URL(t)}) })
}

// Open opens a database that can be had, or ends the test. It is closed at the end.
func Open(t testing.TB, c database.Config) *database.DB {
	t.Helper()
	if c.Log == nil {
		c.Log = hclog.New(&hclog.LoggerOptions{Output: t.Output()})
	}
	db, err := database.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if s := db.Status(t.Context()); s.Err != nil {
		t.Fatal(s.Err)
	}
	return db
}

// shared is the PostgreSQL of this test process. It ends with it.
var shared = sync.OnceValues(func() (*Cluster, error) { return start() })

var made atomic.Int64

// URL returns that of a new empty database, in the PostgreSQL that all tests of a
// process share. It is dropped at the end.
func URL(t testing.TB) string {
	t.Helper()
	cluster, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("t%d", made.Add(1))
	if err := cluster.exec("CREATE DATABASE " + name + " STRATEGY file_copy"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return strings.Replace(cluster.URL, "/postgres", "/"+name, 1)
}

// Own starts a PostgreSQL for one test, which may stop and start it. options are those
// of the program, such as "-c", "fsync=on".
func Own(t testing.TB, options ...string) *Cluster {
	t.Helper()
	cluster, err := start(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.end)
	return cluster
}

// exec runs a statement as the owner of the cluster.
func (c *Cluster) exec(statement string) error {
	db, err := sql.Open("pgx", c.URL)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(statement)
	return err
}

// at is the URL of a cluster.
func at(password string, port int) string {
	return (&url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: fmt.Sprintf("127.0.0.1:%d", port), Path: "/postgres"}).String()
}
