package conversation

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

// responses are read without their items.
var responses = source[*Response]{kind: "response", table: "responses", columns: "id, body, previous, conversation", scan: scanResponse}

func scanResponse(r row) (string, *Response, error) {
	var s Response
	err := r.Scan(&s.ID, (*[]byte)(&s.Body), &s.Previous, &s.Conversation)
	return s.ID, &s, err
}

// CreateResponse keeps a response with its items. Those of one that is in a
// conversation are put behind those of the conversation, but for ids that are there.
// A response is in a conversation or goes on from another, not both.
func (s *Store) CreateResponse(ctx context.Context, o Owner, r *Response) error {
	if r.Previous != "" && r.Conversation != "" {
		return &FieldError{"previous_response_id", "previous_response_id and conversation cannot be used together."}
	}
	made, err := s.birth(&r.ID, &r.CreatedAt, "resp_")
	if err != nil {
		return err
	}
	body, err := checked("the response "+r.ID, r.Body)
	if err != nil {
		return err
	}
	rows, err := rowsOf(slices.Concat(r.Input, r.Output))
	if err != nil {
		return err
	}
	return exists(s.db.Write(ctx, func(tx *sql.Tx) error {
		place, err := join(ctx, tx, o, r.Conversation, made, rows)
		if err != nil {
			return err
		}
		tree, err := plant(ctx, tx, o, r)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO responses (id, owner, made, tree, previous, conversation, place, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			r.ID, o.ID, made, tree, r.Previous, r.Conversation, place, body)
		if err != nil {
			return err
		}
		return insertItems(ctx, tx, r.ID, rows, len(r.Input))
	}))
}

// join adds the items of a response to its conversation, and returns its place there.
func join(ctx context.Context, tx *sql.Tx, o Owner, conversationID string, made int64, rows []itemRow) (place int64, err error) {
	if conversationID == "" {
		return 0, nil
	}
	if _, err := inConversation(ctx, tx, o, conversationID); err != nil {
		return 0, err
	}
	place, err = nextItem(ctx, tx, conversationID, made)
	for i, r := range rows {
		if err == nil {
			err = addItem(ctx, tx, conversationID, place+int64(i), r, " ON CONFLICT (conversation, id) DO NOTHING")
		}
	}
	return place, err
}

// plant returns the tree that a response belongs to, and notes that it is used.
func plant(ctx context.Context, tx *sql.Tx, o Owner, r *Response) (tree string, err error) {
	used := time.Now().Unix()
	if r.Conversation != "" {
		used = forever
	}
	if r.Previous == "" {
		_, err := tx.ExecContext(ctx, "INSERT INTO trees (id, used) VALUES ($1, $2)", r.ID, used)
		return r.ID, err
	}
	if err := responses.has(ctx, tx, o.of(), r.Previous); err != nil {
		return "", err
	}
	if err := tx.QueryRowContext(ctx, "SELECT tree FROM responses WHERE id = $1", r.Previous).Scan(&tree); err != nil {
		return "", err
	}
	_, err = tx.ExecContext(ctx, "UPDATE trees SET used = $1 WHERE id = $2 AND used < $1", used, tree)
	return tree, err
}

func insertItems(ctx context.Context, tx *sql.Tx, responseID string, rows []itemRow, input int) error {
	for seq, r := range rows {
		output := 0
		if seq >= input {
			output = 1
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO response_items (response, seq, output, id, body) VALUES ($1, $2, $3, $4, $5)", responseID, seq, output, r.id, r.body)
		if err != nil {
			return err
		}
	}
	return nil
}

// Response returns a response, without its items.
func (s *Store) Response(ctx context.Context, o Owner, id string) (*Response, error) {
	return reading(ctx, s, func(tx *sql.Tx) (*Response, error) { return responses.one(ctx, tx, o.of(), id) })
}

// DeleteResponse deletes a response with its items. Those that go on from it go on
// from the one before it, as if it had never been.
func (s *Store) DeleteResponse(ctx context.Context, o Owner, id string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		r, err := responses.one(ctx, tx, o.of(), id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE responses SET previous = $1 WHERE previous <> '' AND previous = $2", r.Previous, id)
		if err != nil {
			return err
		}
		var tree string
		if err := tx.QueryRowContext(ctx, "DELETE FROM responses WHERE id = $1 RETURNING tree", id).Scan(&tree); err != nil {
			return err
		}
		if r.Conversation != "" {
			if _, err := tx.ExecContext(ctx, "UPDATE trees SET used = $1 WHERE id = $2", time.Now().Unix(), tree); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM trees WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM responses WHERE tree = $1)", tree)
		return err
	})
}

// ForgetResponses deletes responses that are in no conversation once nothing went on
// from them since a time, in Unix seconds: a response with all that it goes on from, and
// all that goes on from these, is forgotten as one, so that none loses what it stands
// on. It returns how many responses these were.
func (s *Store) ForgetResponses(ctx context.Context, before int64) (n int, err error) {
	for {
		some, err := writing(ctx, s, func(tx *sql.Tx) (int, error) { return forgetSome(ctx, tx, before) })
		n += some
		if err != nil || some == 0 {
			return n, err
		}
	}
}

// forgetTrees is how many trees are deleted at once, so that others need not wait.
const forgetTrees = 50

func forgetSome(ctx context.Context, tx *sql.Tx, before int64) (n int, err error) {
	const old = "(SELECT id FROM trees WHERE used < $1 ORDER BY used, id LIMIT $2)"
	err = tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM responses WHERE tree IN "+old, before, forgetTrees).Scan(&n)
	if err != nil || n == 0 {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM trees WHERE id IN "+old, before, forgetTrees)
	return n, err
}
