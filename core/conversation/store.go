package conversation

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations make the tables of a [Store].
var Migrations = func() fs.FS {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return files
}()

// A Store keeps the objects of this package in a database. What a method returned
// without an error is there after a crash. All methods may be called concurrently.
//
// An object of another owner is as one that does not exist. Errors, where a method
// does not name others: [Missing], [FieldError] for a cursor that does not exist, a
// limit out of bounds and an id that cannot be one, and those of [database.DB.Read]:
// CodeUnavailable, CodeExhausted, and that of ctx.
//
// A method that creates an object fills in its ID where it is empty (see [NewID]), its
// Object, and CreatedAt where it is zero. Lists are in the order in which objects were
// made. What is not UTF-8 is replaced by U+FFFD, as encoding/json does.
type Store struct {
	db   *database.DB
	log  hclog.Logger
	made atomic.Int64 // when the last object was made, in microseconds

	history int // see maxHistory
}

// Open returns the store in a database that was opened with [Migrations]. It sweeps
// what an earlier server left of files (see [Store.Sweep]); a database that cannot be
// had now, or is open for reading only, is no error. log may be nil.
func Open(ctx context.Context, db *database.DB, log hclog.Logger) (*Store, error) {
	if log == nil {
		log = hclog.NewNullLogger()
	}
	s := &Store{db: db, log: log, history: maxHistory}
	if err := s.sweepStart(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		log.Warn("unfinished uploads were not swept", "error", err)
	}
	return s, nil
}

// Status asks the database how it is.
func (s *Store) Status(ctx context.Context) database.Status { return s.db.Status(ctx) }

// NewID returns an id that nobody has: a prefix, such as "msg_", and 24 random letters
// and digits.
func NewID(prefix string) string { return prefix + strings.ToLower(rand.Text()[:24]) }

// now is the time of an object that is made now, in microseconds, later than that of
// any made before.
func (s *Store) now() int64 {
	for {
		last := s.made.Load()
		now := max(time.Now().UnixMicro(), last+1)
		if s.made.CompareAndSwap(last, now) {
			return now
		}
	}
}

// forever is a time that does not come.
const forever = math.MaxInt64

// lastSecond is the latest time that is taken, in Unix seconds: the end of the year 9999.
const lastSecond = 253402300799

// birth fills in what a new object has: an id and the time. It returns made.
func (s *Store) birth(id *string, createdAt *int64, prefix string) (int64, error) {
	made := s.now()
	if *id == "" {
		*id = NewID(prefix)
	}
	if *createdAt == 0 {
		*createdAt = made / 1e6
	}
	return made, errors.Join(checkID("id", *id), checkTime(*createdAt))
}

// rebirth is [Store.birth] for an object that is imported: it was made when it says so.
func (s *Store) rebirth(id *string, createdAt *int64, prefix string) (int64, error) {
	if _, err := s.birth(id, createdAt, prefix); err != nil {
		return 0, err
	}
	return *createdAt * 1e6, nil
}

func checkTime(seconds int64) error {
	if seconds < 0 || seconds > lastSecond {
		return &FieldError{"created_at", "created_at is Unix seconds, from 0 to the year 9999."}
	}
	return nil
}

// reading runs f in a transaction that reads.
func reading[T any](ctx context.Context, s *Store, f func(*sql.Tx) (T, error)) (found T, err error) {
	err = s.db.Read(ctx, func(tx *sql.Tx) (err error) {
		found, err = f(tx)
		return err
	})
	return found, err
}

// writing runs f in a transaction that writes; f may run again.
func writing[T any](ctx context.Context, s *Store, f func(*sql.Tx) (T, error)) (made T, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		made, err = f(tx)
		return err
	})
	return made, err
}

// exists makes a row that is there already to [ErrExists].
func exists(err error) error {
	if database.IsUnique(err) {
		return ErrExists
	}
	return err
}
