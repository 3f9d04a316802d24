package conversation

import (
	"context"
	"database/sql"
	"errors"
	"slices"
)

// The bounds of [Page.Limit].
const (
	usualLimit  = 20
	largestPage = 100
)

// check returns how many objects are wanted.
func (p Page) check() (int, error) {
	if p.Limit < 0 || p.Limit > largestPage {
		return 0, &FieldError{"limit", "limit is from 1 to 100."}
	}
	if p.Limit == 0 {
		return usualLimit, nil
	}
	return p.Limit, nil
}

// A listed object is one of a list, with its id.
type listed[T any] struct {
	id     string
	object T
}

// page lists objects as clients ask for them. Without After, Before gives those next to
// it: the page before this one.
func (s source[T]) page(ctx context.Context, tx *sql.Tx, w where, p Page) (List[T], error) {
	limit, err := p.check()
	if err != nil {
		return List[T]{}, err
	}
	forward := p.After != "" || p.Before == ""
	if w, err = s.between(ctx, tx, w, p); err != nil {
		return List[T]{}, err
	}
	rows, err := s.rows(ctx, tx, w, p.Ascending == forward, limit+1)
	if err != nil {
		return List[T]{}, err
	}
	more := len(rows) > limit
	if more {
		rows = rows[:limit]
	}
	if !forward {
		slices.Reverse(rows)
	}
	return listOf(rows, more), nil
}

// between adds the cursors of a page to a condition.
func (s source[T]) between(ctx context.Context, tx *sql.Tx, w where, p Page) (where, error) {
	scope := w
	for _, c := range []struct {
		param, id string
		newer     bool
	}{{"after", p.After, p.Ascending}, {"before", p.Before, !p.Ascending}} {
		if c.id == "" {
			continue
		}
		made, err := s.when(ctx, tx, scope, c.id)
		if err != nil {
			return w, cursorError(err, c.param)
		}
		sign := "<"
		if c.newer {
			sign = ">"
		}
		w = w.and("(made, id) "+sign+" (?, ?)", made, c.id)
	}
	return w, nil
}

// cursorError makes an object that is missing to a cursor that is wrong.
func cursorError(err error, param string) error {
	var missing *Missing
	if errors.As(err, &missing) {
		return &FieldError{param, missing.Error()}
	}
	return err
}

// rows reads objects in order; limit 0 is all.
func (s source[T]) rows(ctx context.Context, tx *sql.Tx, w where, ascending bool, limit int) ([]listed[T], error) {
	query, args := "SELECT "+s.columns+" FROM "+s.table+w.String()+" ORDER BY made DESC, id DESC", w.args
	if ascending {
		query = "SELECT " + s.columns + " FROM " + s.table + w.String() + " ORDER BY made, id"
	}
	if limit > 0 {
		l := w.and("?", limit)
		query, args = query+" LIMIT "+l.terms[len(l.terms)-1], l.args
	}
	return collect(ctx, tx, query, args, s.scan)
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, tx *sql.Tx, query string, args []any, scan func(row) (string, T, error)) ([]listed[T], error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []listed[T]
	for rows.Next() {
		id, object, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, listed[T]{id, object})
	}
	return all, rows.Err()
}

func listOf[T any](rows []listed[T], more bool) List[T] {
	l := List[T]{Object: "list", Data: objects(rows), HasMore: more}
	if len(rows) > 0 {
		l.FirstID, l.LastID = &rows[0].id, &rows[len(rows)-1].id
	}
	return l
}

// objects are those of rows; never nil.
func objects[T any](rows []listed[T]) []T {
	all := make([]T, 0, len(rows))
	for _, r := range rows {
		all = append(all, r.object)
	}
	return all
}
