package conversation

import (
	"context"
	"database/sql"
	"fmt"
)

var threads = source[*Thread]{kind: "thread", table: "threads", columns: "id, body, changed", scan: scanThread}

func scanThread(r row) (string, *Thread, error) {
	var id string
	var body []byte
	var changed int64
	if err := r.Scan(&id, &body, &changed); err != nil {
		return "", nil, err
	}
	t, err := decode[Thread](body)
	if err == nil {
		t.UpdatedAt = changed
	}
	return id, t, err
}

// CreateThread makes a thread with its first messages, all or nothing.
func (s *Store) CreateThread(ctx context.Context, o Owner, t *Thread, messages ...*Message) error {
	made, err := s.birth(&t.ID, &t.CreatedAt, "thread_")
	if err != nil {
		return err
	}
	t.UpdatedAt = made / 1e6
	rows, err := s.bear(t.ID, messages, s.birth)
	if err != nil {
		return err
	}
	return s.keepThread(ctx, o, t, made, rows)
}

// ImportThread keeps a thread and its messages with the ids and times that they have;
// [ErrExists] where a thread of that id is there, of whatever owner. The messages stay
// in the order in which they are given, whatever their times say. UpdatedAt becomes
// the time of the last message where it is zero.
func (s *Store) ImportThread(ctx context.Context, o Owner, t *Thread, messages []*Message) error {
	made, err := s.rebirth(&t.ID, &t.CreatedAt, "thread_")
	if err != nil {
		return err
	}
	rows, err := s.bear(t.ID, messages, s.rebirth)
	if err != nil {
		return err
	}
	if t.UpdatedAt == 0 {
		t.UpdatedAt = t.CreatedAt
		for _, m := range messages {
			t.UpdatedAt = max(t.UpdatedAt, m.CreatedAt)
		}
	}
	if err := checkTime(t.UpdatedAt); err != nil {
		return err
	}
	return s.keepThread(ctx, o, t, made, rows)
}

// bear makes the rows of messages that a thread begins with.
func (s *Store) bear(threadID string, messages []*Message, birth func(*string, *int64, string) (int64, error)) ([]messageRow, error) {
	var rows []messageRow
	var last int64
	seen := map[string]bool{}
	for i, m := range messages {
		made, err := birth(&m.ID, &m.CreatedAt, "msg_")
		if err != nil {
			return nil, err
		}
		if seen[m.ID] {
			return nil, &FieldError{fmt.Sprintf("messages[%d].id", i), fmt.Sprintf("The message '%s' is there twice.", m.ID)}
		}
		seen[m.ID] = true
		last = max(made, last+1)
		row, err := rowOf(threadID, m, last)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (s *Store) keepThread(ctx context.Context, o Owner, t *Thread, made int64, messages []messageRow) error {
	t.Object = "thread"
	body, err := encode(t)
	if err != nil {
		return err
	}
	return exists(s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO threads (id, owner, made, changed, body) VALUES ($1, $2, $3, $4, $5)", t.ID, o.ID, made, t.UpdatedAt, body)
		if err != nil {
			return err
		}
		return insertMessages(ctx, tx, messages)
	}))
}

// Thread returns a thread.
func (s *Store) Thread(ctx context.Context, o Owner, id string) (*Thread, error) {
	return reading(ctx, s, func(tx *sql.Tx) (*Thread, error) { return threads.one(ctx, tx, o.of(), id) })
}

// Threads lists threads.
func (s *Store) Threads(ctx context.Context, o Owner, p Page) (List[*Thread], error) {
	return reading(ctx, s, func(tx *sql.Tx) (List[*Thread], error) { return threads.page(ctx, tx, o.of(), p) })
}

// UpdateThread changes a thread, see [Store.UpdateAssistant].
func (s *Store) UpdateThread(ctx context.Context, o Owner, id string, change func(*Thread) error) (*Thread, error) {
	return writing(ctx, s, func(tx *sql.Tx) (*Thread, error) {
		t, err := threads.change(ctx, tx, o.of(), id, change)
		if err != nil {
			return nil, err
		}
		t.UpdatedAt = max(t.UpdatedAt, s.now()/1e6)
		return t, touch(ctx, tx, id, t.UpdatedAt)
	})
}

// DeleteThread deletes a thread with its messages and runs; who works on one of them
// finds it [Missing] then.
func (s *Store) DeleteThread(ctx context.Context, o Owner, id string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error { return threads.remove(ctx, tx, o.of(), id) })
}

// touch notes that a thread was changed.
func touch(ctx context.Context, tx *sql.Tx, threadID string, seconds int64) error {
	_, err := tx.ExecContext(ctx, "UPDATE threads SET changed = $1 WHERE id = $2 AND changed < $1", seconds, threadID)
	return err
}
