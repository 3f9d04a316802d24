package conversation

import (
	"context"
	"database/sql"
)

var assistants = source[*Assistant]{kind: "assistant", table: "assistants", columns: "id, body", scan: object[Assistant]}

// CreateAssistant keeps a new assistant.
func (s *Store) CreateAssistant(ctx context.Context, o Owner, a *Assistant) error {
	made, err := s.birth(&a.ID, &a.CreatedAt, "asst_")
	if err != nil {
		return err
	}
	return s.keepAssistant(ctx, o, a, made)
}

// ImportAssistant keeps an assistant with the id and the time that it has; [ErrExists]
// where one of that id is there, of whatever owner.
func (s *Store) ImportAssistant(ctx context.Context, o Owner, a *Assistant) error {
	made, err := s.rebirth(&a.ID, &a.CreatedAt, "asst_")
	if err != nil {
		return err
	}
	return s.keepAssistant(ctx, o, a, made)
}

func (s *Store) keepAssistant(ctx context.Context, o Owner, a *Assistant, made int64) error {
	a.Object = "assistant"
	body, err := encode(a)
	if err != nil {
		return err
	}
	return exists(s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO assistants (id, owner, made, body) VALUES ($1, $2, $3, $4)", a.ID, o.ID, made, body)
		return err
	}))
}

// Assistant returns an assistant.
func (s *Store) Assistant(ctx context.Context, o Owner, id string) (*Assistant, error) {
	return reading(ctx, s, func(tx *sql.Tx) (*Assistant, error) { return assistants.one(ctx, tx, o.of(), id) })
}

// Assistants lists assistants.
func (s *Store) Assistants(ctx context.Context, o Owner, p Page) (List[*Assistant], error) {
	return reading(ctx, s, func(tx *sql.Tx) (List[*Assistant], error) { return assistants.page(ctx, tx, o.of(), p) })
}

// UpdateAssistant changes an assistant and returns it as it is then. change may be
// called more than once, each time with what is in the database; its error undoes all,
// and is returned.
func (s *Store) UpdateAssistant(ctx context.Context, o Owner, id string, change func(*Assistant) error) (*Assistant, error) {
	return writing(ctx, s, func(tx *sql.Tx) (*Assistant, error) { return assistants.change(ctx, tx, o.of(), id, change) })
}

// DeleteAssistant deletes an assistant. Threads that name it stay.
func (s *Store) DeleteAssistant(ctx context.Context, o Owner, id string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error { return assistants.remove(ctx, tx, o.of(), id) })
}
