package database

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/sdk"
)

// readers is how many transactions read at the same time; the others wait.
const readers = 8

// lockWait is how long a file that another process holds is waited for: a command that
// looks at it is done in milliseconds.
const lockWait = time.Second

// sqliteFile is SQLite in a file. Its process holds FILE.lock, one connection writes, and
// a few read, which in WAL mode wait for nobody.
type sqliteFile struct{ file string }

func newSQLite(file string) (*sqliteFile, error) {
	if file == "" {
		return nil, errors.New("a database needs a file or a URL")
	}
	file, err := filepath.Abs(file)
	return &sqliteFile{file}, err
}

func (s *sqliteFile) driver() string { return "sqlite" }
func (s *sqliteFile) where() string  { return s.file }

// begin: a transaction that writes is one from its first word (see uri), so that it
// never finds at its second that another was faster.
func (s *sqliteFile) begin(write bool) *sql.TxOptions { return &sql.TxOptions{ReadOnly: !write} }

func (s *sqliteFile) open(ctx context.Context, c *Config) (*pools, error) {
	if c.ReadOnly {
		return s.look(ctx, c)
	}
	if err := os.MkdirAll(filepath.Dir(s.file), 0o700); err != nil {
		return nil, err
	}
	lock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	p := &pools{close: lock.Close}
	if err := touch(s.file); err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.write, p.read = s.pool(1, ""), s.pool(readers, "&_query_only=1")
	p.close = func() error { return errors.Join(p.read.Close(), p.write.Close(), lock.Close()) }
	if err := migrate(ctx, goose.DialectSQLite3, p.write, c.Migrations); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// look opens the file beside the process that has it, if any.
func (s *sqliteFile) look(ctx context.Context, c *Config) (*pools, error) {
	if _, err := os.Stat(s.file); err != nil {
		return nil, &sdk.Error{Code: sdk.CodeUnavailable, Message: "There is no database yet; a server makes it when it starts", Cause: err}
	}
	p := &pools{read: s.pool(1, "&_query_only=1")}
	p.close = p.read.Close
	if err := current(ctx, p.read, c.Migrations); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// lock takes the lock of the file for this process.
func (s *sqliteFile) lock(ctx context.Context) (*flock.Flock, error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock := flock.New(s.file+".lock", flock.SetPermissions(0o600))
	got, err := lock.TryLockContext(ctx, 10*time.Millisecond)
	if got {
		return lock, nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = sdk.Errorf(sdk.CodeUnavailable, "Another process uses the database %s: only one server can have a SQLite file; stop the other, or give both a PostgreSQL", filepath.Base(s.file))
	}
	return nil, err
}

// touch makes a file that is not there, for this user alone; SQLite gives what it puts
// beside it the same mode.
func touch(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), system.SyncFolder(filepath.Dir(file)))
}

// pool are up to n connections to the file, which has to be there.
func (s *sqliteFile) pool(n int, options string) *sql.DB {
	db, err := sql.Open("sqlite", uri(s.file)+options)
	if err != nil {
		panic(err) // the driver is there, and sql.Open reads nothing
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	if n > 1 {
		db.SetConnMaxIdleTime(time.Minute)
	}
	return db
}

// uri is how the file is opened. FULL: a commit is on the disk when it returns.
// busy_timeout is for other processes; those of this one wait in Go. A log that grew is
// cut at 64 MiB.
func uri(file string) string {
	return at(file) + "&_txlock=immediate&_error_rc=1&_dqs=0&_busy_timeout=10000" +
		"&_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1&_pragma=journal_size_limit(67108864)"
}

// at names a file that is there to SQLite.
func at(file string) string {
	path := filepath.ToSlash(file)
	if runtime.GOOS == "windows" {
		path = "/" + path
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?mode=rw"
}

func (s *sqliteFile) size(ctx context.Context, tx *sql.Tx) (int64, error) {
	var total int64
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(s.file + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, nil
}

func (s *sqliteFile) judge(err error) verdict { return judgeSQLite(err) }

// judgeSQLite tells SQLite's errors apart: https://www.sqlite.org/rescode.html.
func judgeSQLite(err error) verdict {
	var fault *sqlite.Error
	switch {
	case system.Full(err):
		return verdict{code: sdk.CodeExhausted, text: full}
	case !errors.As(err, &fault):
		return verdict{}
	}
	switch code := fault.Code(); code & 0xff {
	case sqlite3.SQLITE_FULL:
		return verdict{code: sdk.CodeExhausted, text: full}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return verdict{code: sdk.CodeUnavailable, text: "The server's database is held by another process; try again in a moment", again: true}
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return verdict{code: sdk.CodeUnavailable, text: damaged, torn: true}
	case sqlite3.SQLITE_IOERR:
		if code == sqlite3.SQLITE_IOERR_SHMSIZE { // the index of the log cannot grow
			return verdict{code: sdk.CodeExhausted, text: full}
		}
		return verdict{code: sdk.CodeUnavailable, text: unusable, torn: true}
	case sqlite3.SQLITE_READONLY: // the file's mode, or who writes in a transaction that reads
		return verdict{code: sdk.CodeUnavailable, text: unusable, torn: code != sqlite3.SQLITE_READONLY}
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_PROTOCOL:
		return verdict{code: sdk.CodeUnavailable, text: unusable, torn: true}
	case sqlite3.SQLITE_INTERRUPT:
		return verdict{code: sdk.CodeUnavailable, text: late}
	}
	return verdict{}
}

const (
	full     = "The disk of the server's database is full: nothing more can be kept until there is room"
	damaged  = "The server's database is damaged: restore a backup of it with 'enginebay db restore'"
	late     = "The server's database did not answer in time; try again in a moment"
	unusable = "The server's database cannot be read or written; 'enginebay db status' says why"
)

func isUniqueSQLite(err error) bool {
	var fault *sqlite.Error
	return errors.As(err, &fault) && (fault.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || fault.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}
