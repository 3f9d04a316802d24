package conversation

import (
	"context"
	"database/sql"
	"fmt"
)

var messages = source[*Message]{kind: "message", table: "messages", columns: "id, body", scan: object[Message]}

// inThread is the condition that a row belongs to a thread, or [Missing] where the owner
// has no such thread.
func inThread(ctx context.Context, tx *sql.Tx, o Owner, threadID string) (where, error) {
	return where{}.and("thread = ?", threadID), threads.has(ctx, tx, o.of(), threadID)
}

// CreateMessage adds a message to a thread. [ErrBusy] where the thread has an
// unfinished run, unless m.RunID is that one.
func (s *Store) CreateMessage(ctx context.Context, o Owner, threadID string, m *Message) error {
	made, err := s.birth(&m.ID, &m.CreatedAt, "msg_")
	if err != nil {
		return err
	}
	return exists(s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := inThread(ctx, tx, o, threadID); err != nil {
			return err
		}
		if err := free(ctx, tx, threadID, m.RunID); err != nil {
			return err
		}
		return addMessages(ctx, tx, threadID, made, m)
	}))
}

// free returns [ErrBusy] where a thread has an unfinished run that is not this one.
func free(ctx context.Context, tx *sql.Tx, threadID string, runID *string) error {
	run := ""
	if runID != nil {
		run = *runID
	}
	var n int
	err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM runs WHERE thread = $1 AND unfinished = 1 AND id <> $2", threadID, run).Scan(&n)
	if err == nil && n > 0 {
		return ErrBusy
	}
	return err
}

// addMessages puts messages, which have their ids and times, behind those of a thread.
func addMessages(ctx context.Context, tx *sql.Tx, threadID string, made int64, added ...*Message) error {
	last, err := messages.last(ctx, tx, where{}.and("thread = ?", threadID))
	if err != nil {
		return err
	}
	var rows []messageRow
	for _, m := range added {
		last = max(made, last+1)
		row, err := rowOf(threadID, m, last)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if err := touch(ctx, tx, threadID, made/1e6); err != nil {
		return err
	}
	return insertMessages(ctx, tx, rows)
}

// A messageRow is a message as it is kept.
type messageRow struct {
	thread, id string
	made       int64
	run, body  string
}

// rowOf makes the row of a message, and fills in what is the same for all of a thread.
func rowOf(threadID string, m *Message, made int64) (messageRow, error) {
	m.Object, m.ThreadID = "thread.message", threadID
	r := messageRow{thread: threadID, id: m.ID, made: made}
	if m.RunID != nil {
		r.run = *m.RunID
	}
	if r.run != "" {
		if err := checkID("run_id", r.run); err != nil {
			return r, err
		}
	}
	var err error
	r.body, err = encode(m)
	return r, err
}

func insertMessages(ctx context.Context, tx *sql.Tx, rows []messageRow) error {
	for _, r := range rows {
		_, err := tx.ExecContext(ctx, "INSERT INTO messages (thread, id, made, run, body) VALUES ($1, $2, $3, $4, $5)", r.thread, r.id, r.made, r.run, r.body)
		if err != nil {
			return err
		}
	}
	return nil
}

// Message returns a message of a thread.
func (s *Store) Message(ctx context.Context, o Owner, threadID, id string) (*Message, error) {
	return reading(ctx, s, func(tx *sql.Tx) (*Message, error) {
		w, err := inThread(ctx, tx, o, threadID)
		if err != nil {
			return nil, err
		}
		return messages.one(ctx, tx, w, id)
	})
}

// Messages lists those of a thread; where runID is not empty only what that run wrote.
func (s *Store) Messages(ctx context.Context, o Owner, threadID, runID string, p Page) (List[*Message], error) {
	return reading(ctx, s, func(tx *sql.Tx) (List[*Message], error) {
		w, err := inThread(ctx, tx, o, threadID)
		if err != nil {
			return List[*Message]{}, err
		}
		if runID != "" {
			if err := checkID("run_id", runID); err != nil {
				return List[*Message]{}, err
			}
			w = w.and("run <> ''").and("run = ?", runID)
		}
		return messages.page(ctx, tx, w, p)
	})
}

// AllMessages are those of a thread, oldest first. A [FieldError] where they are too much
// to be read at once, see maxHistory.
func (s *Store) AllMessages(ctx context.Context, o Owner, threadID string) ([]*Message, error) {
	return reading(ctx, s, func(tx *sql.Tx) ([]*Message, error) {
		w, err := inThread(ctx, tx, o, threadID)
		if err != nil {
			return nil, err
		}
		rows, full, err := messages.some(ctx, tx, w, true, 0, s.history)
		if full {
			return nil, &FieldError{"", fmt.Sprintf("The messages of the thread have more than %d bytes, which are the most at once; list them.", s.history)}
		}
		return objects(rows), err
	})
}

// CountMessages is how many a thread has.
func (s *Store) CountMessages(ctx context.Context, o Owner, threadID string) (int, error) {
	return reading(ctx, s, func(tx *sql.Tx) (n int, err error) {
		w, err := inThread(ctx, tx, o, threadID)
		if err != nil {
			return 0, err
		}
		err = tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM messages"+w.String(), w.args...).Scan(&n)
		return n, err
	})
}

// UpdateMessage changes a message, see [Store.UpdateAssistant].
func (s *Store) UpdateMessage(ctx context.Context, o Owner, threadID, id string, change func(*Message) error) (*Message, error) {
	return writing(ctx, s, func(tx *sql.Tx) (*Message, error) {
		w, err := inThread(ctx, tx, o, threadID)
		if err != nil {
			return nil, err
		}
		if err := touch(ctx, tx, threadID, s.now()/1e6); err != nil {
			return nil, err
		}
		return messages.change(ctx, tx, w, id, change)
	})
}

// DeleteMessage deletes a message.
func (s *Store) DeleteMessage(ctx context.Context, o Owner, threadID, id string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		w, err := inThread(ctx, tx, o, threadID)
		if err != nil {
			return err
		}
		if err := messages.remove(ctx, tx, w, id); err != nil {
			return err
		}
		return touch(ctx, tx, threadID, s.now()/1e6)
	})
}
