package conversation

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

var (
	runs  = source[*Run]{kind: "run", table: "runs", columns: "id, body, beat", scan: scanRun}
	steps = source[*Step]{kind: "run step", table: "steps", columns: "id, body", scan: object[Step]}
)

func scanRun(r row) (string, *Run, error) {
	var id string
	var body []byte
	var beat int64
	if err := r.Scan(&id, &body, &beat); err != nil {
		return "", nil, err
	}
	run, err := decode[Run](body)
	if err == nil {
		run.Beat = beat
	}
	return id, run, err
}

// Unfinished says whether a run goes on, or waits to.
func (r *Run) Unfinished() bool {
	switch r.Status {
	case RunQueued, RunInProgress, RunRequiresAction, RunCancelling:
		return true
	}
	return false
}

func (r *Run) unfinished() int {
	if r.Unfinished() {
		return 1
	}
	return 0
}

// CreateRun adds a run to the thread r.ThreadID, and the messages that come with it,
// all or nothing. [ErrBusy] where the thread has an unfinished one.
func (s *Store) CreateRun(ctx context.Context, o Owner, r *Run, added ...*Message) error {
	made, err := s.birth(&r.ID, &r.CreatedAt, "run_")
	if err != nil {
		return err
	}
	r.Object = "thread.run"
	for _, m := range added {
		if _, err := s.birth(&m.ID, &m.CreatedAt, "msg_"); err != nil {
			return err
		}
	}
	body, err := encode(r)
	if err != nil {
		return err
	}
	return exists(s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := inThread(ctx, tx, o, r.ThreadID); err != nil {
			return err
		}
		if err := free(ctx, tx, r.ThreadID, nil); err != nil {
			return err
		}
		if err := addMessages(ctx, tx, r.ThreadID, made, added...); err != nil {
			return err
		}
		last, err := runs.last(ctx, tx, where{}.and("thread = ?", r.ThreadID))
		if err != nil {
			return err
		}
		made := max(made, last+1) // f may run again
		_, err = tx.ExecContext(ctx, "INSERT INTO runs (id, thread, made, unfinished, beat, body) VALUES ($1, $2, $3, $4, $5, $6)",
			r.ID, r.ThreadID, made, r.unfinished(), r.Beat, body)
		return err
	}))
}

// Run returns a run of a thread.
func (s *Store) Run(ctx context.Context, o Owner, threadID, id string) (*Run, error) {
	return reading(ctx, s, func(tx *sql.Tx) (*Run, error) {
		w, err := inThread(ctx, tx, o, threadID)
		if err != nil {
			return nil, err
		}
		return runs.one(ctx, tx, w, id)
	})
}

// Runs lists those of a thread.
func (s *Store) Runs(ctx context.Context, o Owner, threadID string, p Page) (List[*Run], error) {
	return reading(ctx, s, func(tx *sql.Tx) (List[*Run], error) {
		w, err := inThread(ctx, tx, o, threadID)
		if err != nil {
			return List[*Run]{}, err
		}
		return runs.page(ctx, tx, w, p)
	})
}

// A Written is a [*Message] or a [*Step] that changes with its run: put in the place
// of the one of its id, or made.
type Written interface {
	write(ctx context.Context, tx *sql.Tx, s *Store, r *Run) error
}

// UpdateRun changes a run of any owner, and what else changes with it, all or nothing,
// and returns the run as it is then. change may be called more than once, each time
// with what is in the database; its error undoes all, and is returned.
func (s *Store) UpdateRun(ctx context.Context, id string, change func(*Run) error, with ...Written) (*Run, error) {
	return writing(ctx, s, func(tx *sql.Tx) (*Run, error) {
		r, err := runs.one(ctx, tx, where{}, id)
		if err != nil {
			return nil, err
		}
		if err := change(r); err != nil {
			return nil, err
		}
		if err := putRun(ctx, tx, r); err != nil {
			return nil, err
		}
		for _, w := range with {
			if err := w.write(ctx, tx, s, r); err != nil {
				return nil, err
			}
		}
		return r, nil
	})
}

// putRun writes a run that is there.
func putRun(ctx context.Context, tx *sql.Tx, r *Run) error {
	body, err := encode(r)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE runs SET unfinished = $1, beat = $2, body = $3 WHERE id = $4", r.unfinished(), r.Beat, body, r.ID)
	return err
}

func (m *Message) write(ctx context.Context, tx *sql.Tx, s *Store, r *Run) error {
	made, err := s.birth(&m.ID, &m.CreatedAt, "msg_")
	if err != nil {
		return err
	}
	in := where{}.and("thread = ?", r.ThreadID)
	err = messages.has(ctx, tx, in, m.ID)
	var missing *Missing
	if errors.As(err, &missing) {
		return addMessages(ctx, tx, r.ThreadID, made, m)
	}
	if err != nil {
		return err
	}
	m.Object, m.ThreadID = "thread.message", r.ThreadID
	if err := messages.put(ctx, tx, in, m.ID, m); err != nil {
		return err
	}
	return touch(ctx, tx, r.ThreadID, made/1e6)
}

func (t *Step) write(ctx context.Context, tx *sql.Tx, s *Store, r *Run) error {
	made, err := s.birth(&t.ID, &t.CreatedAt, "step_")
	if err != nil {
		return err
	}
	t.Object, t.RunID, t.ThreadID = "thread.run.step", r.ID, r.ThreadID
	body, err := encode(t)
	if err != nil {
		return err
	}
	last, err := steps.last(ctx, tx, where{}.and("run = ?", r.ID))
	if err != nil {
		return err
	}
	made = max(made, last+1) // the clock of an earlier round's server may be ahead
	_, err = tx.ExecContext(ctx, `INSERT INTO steps (run, id, made, body) VALUES ($1, $2, $3, $4)
		ON CONFLICT (run, id) DO UPDATE SET body = excluded.body`, r.ID, t.ID, made, body)
	return err
}

// EndAbandoned ends the unfinished runs whose server is silent, by their Beat, and returns
// how many these were. They fail; one that was being cancelled is cancelled. A run that
// waits for outputs is left until its time is up, and expires then. silent may be called
// more than once for a run.
func (s *Store) EndAbandoned(ctx context.Context, silent func(*Run) bool) (int, error) {
	return writing(ctx, s, func(tx *sql.Tx) (int, error) {
		ids, err := unfinishedRuns(ctx, tx)
		if err != nil {
			return 0, err
		}
		n := 0
		now := time.Now().Unix()
		for _, id := range ids {
			r, err := runs.one(ctx, tx, where{}, id)
			if err != nil {
				return 0, err
			}
			if !r.abandon(silent, now) {
				continue
			}
			if err := endRun(ctx, tx, r); err != nil {
				return 0, err
			}
			n++
		}
		return n, nil
	})
}

// unfinishedRuns are their ids: of those that wait for outputs there may be any number,
// each with megabytes of tools, and only one is in memory at a time.
func unfinishedRuns(ctx context.Context, tx *sql.Tx) (ids []string, err error) {
	const query = "SELECT id FROM runs WHERE unfinished = 1 ORDER BY made, id"
	rows, err := collect(ctx, tx, query, nil, func(r row) (id string, _ struct{}, err error) {
		err = r.Scan(&id)
		return id, struct{}{}, err
	})
	for _, r := range rows {
		ids = append(ids, r.id)
	}
	return ids, err
}

// abandon ends a run that nobody works on any more; false: somebody may.
func (r *Run) abandon(silent func(*Run) bool, now int64) bool {
	switch {
	case r.Status == RunRequiresAction:
		if r.ExpiresAt != nil && *r.ExpiresAt > now {
			return false
		}
		r.Status = RunExpired
	case !silent(r):
		return false
	case r.Status == RunCancelling:
		r.Status, r.CancelledAt = RunCancelled, &now
	default:
		r.Status, r.FailedAt = RunFailed, &now
		r.LastError = &RunError{Code: "server_error", Message: "The server that worked on it was stopped."}
	}
	r.RequiredAction, r.ExpiresAt = nil, nil
	return true
}

// endRun keeps a run that was ended, and ends the steps that it was at.
func endRun(ctx context.Context, tx *sql.Tx, r *Run) error {
	if err := putRun(ctx, tx, r); err != nil {
		return err
	}
	in := where{}.and("run = ?", r.ID)
	rows, err := steps.rows(ctx, tx, in, true, 0)
	if err != nil {
		return err
	}
	for _, t := range rows {
		if t.object.Status != RunInProgress {
			continue
		}
		t.object.End(r.Status, r.LastError)
		if err := steps.put(ctx, tx, in, t.id, t.object); err != nil {
			return err
		}
	}
	return nil
}

// End ends a step as its run got to a status, now. fault is that of a run that failed. A
// step of a run that goes on, or is incomplete, is completed itself.
func (t *Step) End(status string, fault *RunError) {
	now := time.Now().Unix()
	switch t.Status = status; status {
	case RunExpired:
		t.ExpiredAt = &now
	case RunCancelled:
		t.CancelledAt = &now
	case RunFailed:
		t.FailedAt, t.LastError = &now, fault
	default:
		t.Status, t.CompletedAt = RunCompleted, &now
	}
}

// Step returns a step of a run.
func (s *Store) Step(ctx context.Context, o Owner, threadID, runID, id string) (*Step, error) {
	return reading(ctx, s, func(tx *sql.Tx) (*Step, error) {
		w, err := inRun(ctx, tx, o, threadID, runID)
		if err != nil {
			return nil, err
		}
		return steps.one(ctx, tx, w, id)
	})
}

// Steps lists those of a run.
func (s *Store) Steps(ctx context.Context, o Owner, threadID, runID string, p Page) (List[*Step], error) {
	return reading(ctx, s, func(tx *sql.Tx) (List[*Step], error) {
		w, err := inRun(ctx, tx, o, threadID, runID)
		if err != nil {
			return List[*Step]{}, err
		}
		return steps.page(ctx, tx, w, p)
	})
}

// inRun is the condition that a row belongs to a run, or [Missing] where the owner has no
// such run.
func inRun(ctx context.Context, tx *sql.Tx, o Owner, threadID, runID string) (where, error) {
	w, err := inThread(ctx, tx, o, threadID)
	if err != nil {
		return w, err
	}
	return where{}.and("run = ?", runID), runs.has(ctx, tx, w, runID)
}
