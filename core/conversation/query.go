package conversation

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// longestID is the longest id that is taken, in bytes: an index of PostgreSQL holds
// keys of up to 2,704.
const longestID = 512

// possible says whether an id could be in the database: PostgreSQL holds no NUL and
// nothing that is not UTF-8.
func possible(id string) bool {
	return id != "" && len(id) <= longestID && utf8.ValidString(id) && !strings.Contains(id, "\x00")
}

func checkID(param, id string) error {
	if !possible(id) {
		return &FieldError{param, fmt.Sprintf("%s is a text of 1 to %d bytes, in UTF-8 and without NUL.", param, longestID)}
	}
	return nil
}

// encode returns the JSON of an object as it is kept.
func encode(object any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(object); err != nil {
		return "", fmt.Errorf("make the JSON of a %T: %w", object, err)
	}
	return kept(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// kept is a JSON text that both databases take, where a NUL is written \u0000 anyway.
func kept(text []byte) string { return string(bytes.ToValidUTF8(text, []byte("\uFFFD"))) }

// checked is [kept] for JSON that others made.
func checked(what string, text json.RawMessage) (string, error) {
	if !json.Valid(text) {
		return "", fmt.Errorf("%s is not JSON", what)
	}
	return kept(text), nil
}

// A where is the condition of a query, with its arguments.
type where struct {
	terms []string
	args  []any
}

// and returns a further condition, with ? for each argument.
func (w where) and(term string, args ...any) where {
	w.args = slices.Clone(w.args)
	for _, arg := range args {
		w.args = append(w.args, arg)
		term = strings.Replace(term, "?", "$"+strconv.Itoa(len(w.args)), 1)
	}
	w.terms = append(slices.Clone(w.terms), term)
	return w
}

// String is the condition in SQL, with a WHERE.
func (w where) String() string {
	if len(w.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.terms, " AND ")
}

// of is the condition that an object is the owner's.
func (o Owner) of() where {
	if o.All {
		return where{}
	}
	return where{}.and("owner = ?", o.ID)
}

// A source is a table with objects of one kind, each with an id and the time that it
// was made.
type source[T any] struct {
	kind    string // as in [Missing]
	table   string
	columns string                       // that scan reads; the id is the first
	scan    func(row) (string, T, error) // the id and the object
}

// A row is one of a result.
type row interface{ Scan(...any) error }

// object reads an id and the JSON of an object.
func object[T any](r row) (string, *T, error) {
	var id string
	var body []byte
	if err := r.Scan(&id, &body); err != nil {
		return "", nil, err
	}
	o, err := decode[T](body)
	return id, o, err
}

func decode[T any](body []byte) (*T, error) {
	o := new(T)
	if err := json.Unmarshal(body, o); err != nil {
		return nil, fmt.Errorf("read a %T of the database: %w", *o, err)
	}
	return o, nil
}

// one returns the object of an id.
func (s source[T]) one(ctx context.Context, tx *sql.Tx, w where, id string) (T, error) {
	var none T
	if !possible(id) {
		return none, &Missing{s.kind, id}
	}
	w = w.and("id = ?", id)
	_, found, err := s.scan(tx.QueryRowContext(ctx, "SELECT "+s.columns+" FROM "+s.table+w.String(), w.args...))
	if errors.Is(err, sql.ErrNoRows) {
		return none, &Missing{s.kind, id}
	}
	return found, err
}

// has says whether there is an object, as [Missing] or nil.
func (s source[T]) has(ctx context.Context, tx *sql.Tx, w where, id string) error {
	_, err := s.when(ctx, tx, w, id)
	return err
}

// when returns when an object was made.
func (s source[T]) when(ctx context.Context, tx *sql.Tx, w where, id string) (made int64, err error) {
	if !possible(id) {
		return 0, &Missing{s.kind, id}
	}
	w = w.and("id = ?", id)
	err = tx.QueryRowContext(ctx, "SELECT made FROM "+s.table+w.String(), w.args...).Scan(&made)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, &Missing{s.kind, id}
	}
	return made, err
}

// last returns when the last object was made; 0: there is none.
func (s source[T]) last(ctx context.Context, tx *sql.Tx, w where) (made int64, err error) {
	err = tx.QueryRowContext(ctx, "SELECT made FROM "+s.table+w.String()+" ORDER BY made DESC, id DESC LIMIT 1", w.args...).Scan(&made)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return made, err
}

// remove deletes an object.
func (s source[T]) remove(ctx context.Context, tx *sql.Tx, w where, id string) error {
	if !possible(id) {
		return &Missing{s.kind, id}
	}
	w = w.and("id = ?", id)
	result, err := tx.ExecContext(ctx, "DELETE FROM "+s.table+w.String(), w.args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, &Missing{s.kind, id})
	}
	return nil
}

// change changes an object.
func (s source[T]) change(ctx context.Context, tx *sql.Tx, w where, id string, change func(T) error) (T, error) {
	found, err := s.one(ctx, tx, w, id)
	if err == nil {
		err = change(found)
	}
	if err != nil {
		var none T
		return none, err
	}
	return found, s.put(ctx, tx, w, id, found)
}

// put writes the JSON of an object that is there.
func (s source[T]) put(ctx context.Context, tx *sql.Tx, w where, id string, object any) error {
	body, err := encode(object)
	if err != nil {
		return err
	}
	w = w.and("id = ?", id)
	args := append(w.args, body)
	_, err = tx.ExecContext(ctx, "UPDATE "+s.table+" SET body = $"+strconv.Itoa(len(args))+w.String(), args...)
	return err
}
