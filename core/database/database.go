// Package database opens the one SQL database of a server: SQLite in the data folder, or
// PostgreSQL at a URL. Queries are written once for both: placeholders are $1, $2 …, and
// the types of columns are TEXT, BIGINT and BYTEA. It is the only home of the drivers and
// of goose, which brings the tables up to date.
//
// A server starts without its database: one that cannot be had is tried again by whoever
// needs it, at most once a second, and till then its callers get [sdk.CodeUnavailable].
//
// PostgreSQL's TEXT holds no NUL character and nothing that is not UTF-8.
package database

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

const (
	// patience is how long a transaction may take with all its waiting: for its turn,
	// for a connection, and for the answer of a server that may have gone.
	patience = 30 * time.Second

	// pause is how long a database that could not be had is not asked again.
	pause = time.Second

	// farewell is how long Close waits for transactions that run: nobody waits for their
	// answers any more.
	farewell = 3 * time.Second
)

// Config says which database it is.
type Config struct {
	URL        string // postgres://USER:PASSWORD@HOST:PORT/NAME; empty: SQLite
	File       string // SQLite's, made with 0600 in a folder with 0700
	Migrations fs.FS  // NNNNN_name.sql in goose's form, for both databases
	ReadOnly   bool   // beside a server that has it open: nothing is made or brought up to date, and [DB.Write] is refused
	Replace    bool   // of [Restore]: what PostgreSQL's tables hold is deleted
	Log        hclog.Logger
}

// A DB is a database that is open, or is opened as soon as it can be had. All methods
// may be called concurrently.
type DB struct {
	backend
	config Config
	life   context.Context // ends with Close
	end    context.CancelFunc

	turn chan struct{} // holds one: who has it opens the database, or closes it

	mu     sync.Mutex
	pools  *pools // nil until it could be opened
	failed error  // why it could not be had, till it could
	asked  time.Time
}

// pools are the connections of a database that is open.
type pools struct {
	read, write *sql.DB
	close       func() error

	users int           // transactions that use them; the last one closes pools that DB.pools is no longer
	ended chan struct{} // is closed when they are
	err   error         // of closing them
}

// A backend is what differs between the two databases.
type backend interface {
	driver() string
	where() string
	open(ctx context.Context, c *Config) (*pools, error)
	begin(write bool) *sql.TxOptions
	judge(err error) verdict
	size(ctx context.Context, tx *sql.Tx) (int64, error) // in bytes
	dump(ctx context.Context, p *pools, c *Config, temp string) error
	restore(ctx context.Context, c *Config, file string) error
}

// A verdict is what an error of a database means.
type verdict struct {
	code  sdk.Code // empty: it is not one of the database, or a fault of the query
	text  string   // the sentence for users
	again bool     // the transaction had no effect, and may succeed when it is repeated
	lost  bool     // the connection was lost or could not be had: as again, unless a commit was sent
	down  bool     // no use to ask again at once
	torn  bool     // nothing but opening it anew can help
}

// Open opens a database, and brings its tables up to date. An error says that the
// configuration is wrong; a database that cannot be had now is none, see [DB.Status].
func Open(ctx context.Context, c Config) (*DB, error) {
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	back, err := backendOf(c)
	if err != nil {
		return nil, err
	}
	d := &DB{backend: back, config: c, turn: make(chan struct{}, 1)}
	d.life, d.end = context.WithCancel(context.Background())
	p, err := d.enter(ctx)
	if err == nil {
		d.leave(p)
	}
	if ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), d.Close())
	}
	return d, nil
}

func backendOf(c Config) (backend, error) {
	if c.URL != "" {
		return newPostgres(c.URL)
	}
	return newSQLite(c.File)
}

// Read runs f in a transaction that sees one state of the database and changes nothing.
// Errors: what f returns passes as it is, with those of the database made to
// [sdk.CodeUnavailable] (it cannot be reached, has no connection left, or is damaged)
// and [sdk.CodeExhausted] (its disk is full); and that of ctx.
func (d *DB) Read(ctx context.Context, f func(*sql.Tx) error) error {
	return d.do(ctx, false, f)
}

// Write runs f in a transaction, as if it were the only one, and returns nil once it
// would be there after a crash. f may run again: it does nothing but SQL, and sets what
// it hands out anew. Errors are those of [DB.Read]; where PostgreSQL goes away during a
// commit, nobody knows whether it was one.
func (d *DB) Write(ctx context.Context, f func(*sql.Tx) error) error {
	if d.config.ReadOnly {
		return errors.New("the database is open for reading only")
	}
	return d.do(ctx, true, f)
}

func (d *DB) do(ctx context.Context, write bool, f func(*sql.Tx) error) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for try := 1; ; try++ {
		p, err := d.enter(limited)
		if err != nil {
			return d.coded(ctx, limited, err)
		}
		sent, err := d.once(limited, p, write, f)
		d.leave(p)
		if err == nil {
			return nil
		}
		v := d.judge(err)
		if again := v.again || v.lost && !sent && try < 3; !again || !rest(limited, try) {
			return d.coded(ctx, limited, err)
		}
	}
}

// once runs f in a transaction; sent says that the commit was sent, so that nobody
// knows whether a lost connection lost it.
func (d *DB) once(ctx context.Context, p *pools, write bool, f func(*sql.Tx) error) (sent bool, err error) {
	pool := p.read
	if write {
		pool = p.write
	}
	tx, err := pool.BeginTx(ctx, d.begin(write))
	if err == nil {
		defer tx.Rollback() // nothing is left to do after a commit
		if err = f(tx); err == nil {
			sent = true
			err = tx.Commit()
		}
	}
	if err == nil {
		d.answered(p)
		return sent, nil
	}
	if v := d.judge(err); (v.down || v.torn) && ctx.Err() == nil { // else the caller broke it off
		d.fell(p, v, err)
	}
	return sent, err
}

// rest waits a little longer with every try, each time another while.
func rest(ctx context.Context, try int) bool {
	longest := min(time.Millisecond<<min(try, 10), 100*time.Millisecond)
	select {
	case <-ctx.Done():
		return false
	case <-time.After(rand.N(longest)):
		return true
	}
}

// coded is the error of a transaction for its caller.
func (d *DB) coded(ctx, limited context.Context, err error) error {
	v := d.judge(err)
	if v.code == "" {
		v = judgeSQLite(err) // of a file that PostgreSQL is copied to or from
	}
	var ready *sdk.Error
	done := func(ctx context.Context) bool { // and the transaction was ended for it
		return ctx.Err() != nil && (v.code != "" || errors.Is(err, ctx.Err()) || errors.Is(err, sql.ErrTxDone))
	}
	switch {
	case done(ctx):
		return ctx.Err()
	case errors.As(err, &ready):
		return err
	case done(limited):
		return &sdk.Error{Code: sdk.CodeUnavailable, Message: late, Cause: err}
	case v.code != "":
		return &sdk.Error{Code: v.code, Message: v.text, Cause: err}
	}
	return err
}

// IsUnique says whether a row could not be written because one with its key is there.
func IsUnique(err error) bool { return isUniqueSQLite(err) || isUniquePostgres(err) }
