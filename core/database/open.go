package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// errClosed is what callers get after Close.
var errClosed = sdk.Errorf(sdk.CodeUnavailable, "The server's database is closed: the server is shutting down")

// enter returns the connections of the database, for who calls leave. Where there are
// none it tries to open it, one caller at a time; the others wait for what comes of it.
func (d *DB) enter(ctx context.Context) (*pools, error) {
	if p, err := d.known(); p != nil || err != nil {
		return p, err
	}
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if p, err := d.known(); p != nil || err != nil {
		return p, err
	}
	// What was begun, such as a migration, is not left half done when its caller leaves.
	p, err := d.open(d.life, &d.config)
	if d.life.Err() != nil && err != nil {
		return nil, errClosed
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		return nil, d.note(err)
	}
	p.users, p.ended = 1, make(chan struct{})
	d.pools = p
	d.back()
	return p, nil
}

// known enters without asking the database: it returns connections, or why there are
// none. Neither: it is to be tried.
func (d *DB) known() (*pools, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.life.Err() != nil {
		return nil, errClosed
	}
	if d.failed != nil && time.Since(d.asked) < pause {
		return nil, d.failed
	}
	if d.pools != nil {
		d.pools.users++
	}
	return d.pools, nil
}

// leave gives connections back.
func (d *DB) leave(p *pools) {
	d.mu.Lock()
	p.users--
	last := p.users == 0 && d.pools != p
	d.mu.Unlock()
	if last {
		p.err = p.close()
		close(p.ended)
	}
}

// note keeps why the database cannot be had, and says so once in the log; mu is held.
func (d *DB) note(err error) error {
	v := d.judge(err)
	if v.code == "" {
		v.code, v.text = sdk.CodeUnavailable, "The server's database cannot be opened; 'enginebay db status' says why"
	}
	var ready *sdk.Error
	if !errors.As(err, &ready) {
		ready = &sdk.Error{Code: v.code, Message: v.text, Cause: err}
	}
	if d.failed == nil {
		d.config.Log.Warn("the database cannot be had; it is tried again when it is needed", "database", d.where(), "error", ready)
	}
	d.failed, d.asked = ready, time.Now()
	return ready
}

// back forgets why the database could not be had; mu is held.
func (d *DB) back() {
	if d.failed != nil {
		d.config.Log.Info("the database is back", "database", d.where())
	}
	d.failed = nil
}

// answered notes that a transaction went through.
func (d *DB) answered(p *pools) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pools == p {
		d.back()
	}
}

// fell notes that the database was lost. A damaged file is closed, so that it can be
// replaced while the server runs; who calls has yet to leave.
func (d *DB) fell(p *pools, v verdict, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pools != p {
		return
	}
	d.note(err)
	if v.torn {
		d.pools = nil
	}
}

// Close ends the connections, and returns once the transactions that run have ended;
// those that come later get [sdk.CodeUnavailable]. For a server that does not answer it
// waits a few seconds, and returns an error. It may be called more than once.
func (d *DB) Close() error {
	d.end()
	d.turn <- struct{}{} // who opens it sees that its life has ended
	defer func() { <-d.turn }()
	d.mu.Lock()
	p := d.pools
	if p == nil {
		d.mu.Unlock()
		return nil
	}
	d.pools = nil
	p.users++
	d.mu.Unlock()
	d.leave(p)
	select {
	case <-p.ended:
		return p.err
	case <-time.After(farewell):
		return errors.New("a transaction that still runs was left behind")
	}
}

// Status is how a database is.
type Status struct {
	Driver string // sqlite or postgres
	Where  string // the file, or the URL without its password
	Schema int64  // number of the newest migration that it has
	Size   int64  // in bytes
	Err    error  // why it cannot be used; nil when it can
}

// Status asks the database how it is.
func (d *DB) Status(ctx context.Context) Status {
	s := Status{Driver: d.driver(), Where: d.where()}
	s.Err = d.Read(ctx, func(tx *sql.Tx) (err error) {
		if s.Schema, err = schemaOf(ctx, tx); err == nil {
			s.Size, err = d.size(ctx, tx)
		}
		return err
	})
	return s
}
