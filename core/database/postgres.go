package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/enginebay/enginebay/sdk"
)

// connections is how many a server takes of PostgreSQL's, which has 100 as a rule.
const connections = 10

// postgres is PostgreSQL at a URL.
type postgres struct{ config *pgx.ConnConfig }

// newPostgres reads a URL. Its error holds nothing of the URL: a password that was
// written wrongly is found at any place of it.
func newPostgres(url string) (*postgres, error) {
	if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return nil, errors.New("the URL of a database begins with postgres://")
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the URL of the database cannot be read: it is postgres://USER:PASSWORD@HOST:PORT/NAME, and in a password '/' is written %2F, '@' %40, ':' %3A, '#' %23, '?' %3F and '%' %25")
	}
	if config.ConnectTimeout == 0 || config.ConnectTimeout > patience {
		config.ConnectTimeout = 5 * time.Second
	}
	for name, value := range map[string]string{"statement_timeout": "30s", "idle_in_transaction_session_timeout": "60s", "application_name": "enginebay"} {
		if _, said := config.RuntimeParams[name]; !said {
			config.RuntimeParams[name] = value
		}
	}
	return &postgres{config}, nil
}

func (p *postgres) driver() string { return "postgres" }

// where is the URL without its password and options, which may hold one too.
func (p *postgres) where() string {
	host := p.config.Host
	if !strings.HasPrefix(host, "/") {
		host = net.JoinHostPort(host, strconv.Itoa(int(p.config.Port)))
	}
	return "postgres://" + p.config.User + "@" + host + "/" + p.config.Database
}

// begin: those that write run as if alone, as SQLite's do; one that could not is repeated.
func (p *postgres) begin(write bool) *sql.TxOptions {
	if write {
		return &sql.TxOptions{Isolation: sql.LevelSerializable}
	}
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

func (p *postgres) open(ctx context.Context, c *Config) (*pools, error) {
	if err := p.prepare(ctx, c); err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*p.config)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour) // another server behind the same name is found
	return &pools{read: db, write: db, close: db.Close}, nil
}

// prepare looks at the tables, over a connection of its own: a migration may take longer
// than a transaction. Servers that start together wait for one another.
func (p *postgres) prepare(ctx context.Context, c *Config) error {
	config := p.config.Copy()
	config.RuntimeParams["statement_timeout"] = "0"
	db := stdlib.OpenDB(*config)
	defer db.Close()
	db.SetMaxOpenConns(1)
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	if c.ReadOnly {
		return current(ctx, db, c.Migrations)
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	return migrate(ctx, goose.DialectPostgres, db, c.Migrations, goose.WithSessionLocker(locker))
}

func (p *postgres) size(ctx context.Context, tx *sql.Tx) (total int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT COALESCE(SUM(pg_total_relation_size(c.oid)), 0)::BIGINT FROM pg_class c
		WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace`).Scan(&total)
	return total, err
}

// judge tells PostgreSQL's errors apart: https://www.postgresql.org/docs/current/errcodes-appendix.html.
func (p *postgres) judge(err error) verdict {
	var fault *pgconn.PgError
	var connect *pgconn.ConnectError
	refused := errors.As(err, &connect)
	if errors.As(err, &fault) {
		return judgeState(fault.Code, refused)
	}
	var network net.Error
	switch {
	case refused:
		return verdict{code: sdk.CodeUnavailable, text: away, lost: true, down: true}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return verdict{}
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, net.ErrClosed), errors.Is(err, pgconn.ErrConnClosed), pgconn.SafeToRetry(err):
		return verdict{code: sdk.CodeUnavailable, text: away, lost: true}
	}
	return verdict{}
}

const away = "The server's PostgreSQL does not answer; try again in a moment"

func judgeState(state string, refused bool) verdict {
	switch state {
	case "40001", "40P01": // serialization failure, deadlock
		return verdict{code: sdk.CodeUnavailable, text: "Too many change the same thing at the same time; try again in a moment", again: true}
	case "53100": // disk full
		return verdict{code: sdk.CodeExhausted, text: full}
	case "57014", "55P03": // a statement took too long, or waited too long for a lock
		return verdict{code: sdk.CodeUnavailable, text: late}
	case "25006": // a standby, or the one that was primary
		return verdict{code: sdk.CodeUnavailable, text: "The server's PostgreSQL takes no changes now; try again in a moment"}
	case "53300": // too many connections
		return verdict{code: sdk.CodeUnavailable, text: "The server's PostgreSQL has no connection left; try again in a moment"}
	}
	switch {
	case refused && !strings.HasPrefix(state, "57P"):
		return verdict{code: sdk.CodeUnavailable, text: "The server's PostgreSQL does not let it in; 'enginebay db status' says why", down: true}
	case strings.HasPrefix(state, "08"), strings.HasPrefix(state, "57P"), strings.HasPrefix(state, "53"), strings.HasPrefix(state, "58"):
		return verdict{code: sdk.CodeUnavailable, text: away, lost: true, down: refused}
	}
	return verdict{}
}

func isUniquePostgres(err error) bool {
	var fault *pgconn.PgError
	return errors.As(err, &fault) && fault.Code == "23505"
}

// hasNoTable says whether a query named a table that there is not.
func hasNoTable(err error) bool {
	var fault *pgconn.PgError
	return errors.As(err, &fault) && fault.Code == "42P01"
}
