package database

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
)

// A table is one that the migrations made, as SQLite tells it.
type table struct {
	name  string
	names []string // of its columns
	types []string
	needs []string // tables that its rows name
}

// tablesOf returns the tables that the migrations made, those that others need first.
func tablesOf(ctx context.Context, db *sql.DB) ([]table, error) {
	names, err := texts(ctx, db, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name <> $1 ORDER BY name`, goose.DefaultTablename)
	if err != nil {
		return nil, err
	}
	var all []table
	for _, name := range names {
		t := table{name: name}
		if t.names, err = texts(ctx, db, `SELECT name FROM pragma_table_info($1) ORDER BY cid`, name); err != nil {
			return nil, err
		}
		if t.types, err = texts(ctx, db, `SELECT type FROM pragma_table_info($1) ORDER BY cid`, name); err != nil {
			return nil, err
		}
		if t.needs, err = texts(ctx, db, `SELECT DISTINCT "table" FROM pragma_foreign_key_list($1) WHERE "table" <> $1`, name); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return inOrder(all)
}

// inOrder puts tables behind those that they need.
func inOrder(left []table) (done []table, err error) {
	isDone := func(name string) bool {
		return slices.ContainsFunc(done, func(t table) bool { return t.name == name })
	}
	for len(left) > 0 {
		next := slices.IndexFunc(left, func(t table) bool {
			return !slices.ContainsFunc(t.needs, func(need string) bool { return !isDone(need) })
		})
		if next < 0 {
			return nil, fmt.Errorf("the table %s and others need one another", left[0].name)
		}
		done = append(done, left[next])
		left = slices.Delete(left, next, next+1)
	}
	return done, nil
}

func texts(ctx context.Context, db *sql.DB, query string, args ...any) (all []string, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}

func (t table) columns() string { return strings.Join(t.names, ", ") }

func (t table) placeholders() string {
	marks := make([]string, len(t.names))
	for i := range marks {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	return strings.Join(marks, ", ")
}

func (t table) query() string { return `SELECT ` + t.columns() + ` FROM ` + t.name }

// scan reads a row. SQLite keeps any value in any column; here each gets its type back.
func (t table) scan(rows *sql.Rows) ([]any, error) {
	row, places := make([]any, len(t.names)), make([]any, len(t.names))
	for i := range row {
		places[i] = &row[i]
	}
	if err := rows.Scan(places...); err != nil {
		return nil, err
	}
	for i, value := range row {
		switch v := value.(type) {
		case []byte:
			if t.types[i] == "TEXT" {
				row[i] = string(v)
			}
		case string:
			if t.types[i] == "BYTEA" {
				row[i] = []byte(v)
			}
		}
	}
	return row, nil
}
