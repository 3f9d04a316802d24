package conversation

import (
	"context"
	"database/sql"
	"errors"
	"slices"
)

// The bounds of [Page.Limit], and of what the objects of a page have in bytes: one that
// goes beyond is the last of its page. A message has up to 20 MB, and of a hundred such
// ones no server has room for many answers at once.
const (
	usualLimit   = 20
	largestPage  = 100
	largestBytes = 32 << 20
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
	rows, full, err := s.some(ctx, tx, w, p.Ascending == forward, limit+1, largestBytes)
	if err != nil {
		return List[T]{}, err
	}
	more := full || len(rows) > limit
	if len(rows) > limit {
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
	all, _, err := s.some(ctx, tx, w, ascending, limit, 0)
	return all, err
}

// some is [source.rows] that ends with the object that makes it that many bytes; 0 is all.
// full says that it did.
func (s source[T]) some(ctx context.Context, tx *sql.Tx, w where, ascending bool, limit, bytes int) (all []listed[T], full bool, err error) {
	query, args := "SELECT "+s.columns+" FROM "+s.table+w.String()+" ORDER BY made DESC, id DESC", w.args
	if ascending {
		query = "SELECT " + s.columns + " FROM " + s.table + w.String() + " ORDER BY made, id"
	}
	if limit > 0 {
		l := w.and("?", limit)
		query, args = query+" LIMIT "+l.terms[len(l.terms)-1], l.args
	}
	return collectSome(ctx, tx, query, args, s.scan, bytes)
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, tx *sql.Tx, query string, args []any, scan func(row) (string, T, error)) ([]listed[T], error) {
	all, _, err := collectSome(ctx, tx, query, args, scan, 0)
	return all, err
}

// collectSome is [collect] that ends with the row that makes it that many bytes, where there
// is a further one; 0 is all. full says that it did.
func collectSome[T any](ctx context.Context, tx *sql.Tx, query string, args []any, scan func(row) (string, T, error), bytes int) (all []listed[T], full bool, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	size := 0
	for rows.Next() {
		if bytes > 0 && size >= bytes {
			return all, true, nil
		}
		id, object, err := scan(weighed{rows, &size})
		if err != nil {
			return nil, false, err
		}
		all = append(all, listed[T]{id, object})
	}
	return all, false, rows.Err()
}

// weighed is a row whose bytes are counted.
type weighed struct {
	row
	size *int
}

// Scan implements row.
func (w weighed) Scan(to ...any) error {
	err := w.row.Scan(to...)
	for _, column := range to {
		if body, ok := column.(*[]byte); ok {
			*w.size += len(*body)
		}
	}
	return err
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
