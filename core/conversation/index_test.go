package conversation_test

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
)

// A plan is how PostgreSQL runs a part of a query.
type plan struct {
	Node   string `json:"Node Type"`
	Cond   string `json:"Index Cond"`
	Filter string
	Plans  []plan
}

// scans says whether a part of a query goes through a whole table for some rows of it.
// Of files those are left out whose time is over, which are few: they are swept.
func (p plan) scans() bool {
	filtered := p.Filter != "" && !strings.HasPrefix(p.Filter, "(kept > ")
	return p.Node == "Seq Scan" || strings.HasPrefix(p.Node, "Index") && p.Cond == "" && filtered
}

// has says whether a plan has such a part.
func (p plan) has(match func(plan) bool) bool {
	for _, sub := range p.Plans {
		if sub.has(match) {
			return true
		}
	}
	return match(p)
}

// planned is a query, and how PostgreSQL ran it.
type planned struct {
	Query string `json:"Query Text"`
	Plan  plan
}

// scan is how SQLite says that it goes through a whole table.
var scan = regexp.MustCompile(`(?m)^SCAN \w+$`)

// TestIndexes plays a game on a PostgreSQL that scans a table only where no index can be
// used, and tells how it ran each query: also those that it makes of its own for what is
// deleted with something else. The same queries are explained by SQLite.
func TestIndexes(t *testing.T) {
	queries := map[string]bool{}
	for _, p := range plans(t) {
		if queries[p.Query] {
			continue
		}
		if p.Plan.has(plan.scans) {
			t.Errorf("PostgreSQL has no index for: %s", p.Query)
		}
		if strings.Contains(p.Query, "LIMIT") && p.Plan.has(func(p plan) bool { return strings.Contains(p.Node, "Sort") }) {
			t.Errorf("PostgreSQL has no index in the order of: %s", p.Query)
		}
		if !strings.Contains(p.Query, `"public".`) { // its own
			queries[p.Query] = true
		}
	}
	if len(queries) < 100 {
		t.Errorf("only %d queries were seen", len(queries))
	}
	db := databasetest.Open(t, database.Config{File: filepath.Join(t.TempDir(), "x.db"), Migrations: conversation.Migrations})
	for q := range queries {
		explained := explain(t, db, q)
		if scan.MatchString(strings.ReplaceAll(explained, "SCAN chain\n", "")) {
			t.Errorf("SQLite has no index for: %s\n%s", q, explained)
		}
		if strings.Contains(q, "LIMIT") && strings.Contains(explained, "TEMP B-TREE") {
			t.Errorf("SQLite has no index in the order of: %s\n%s", q, explained)
		}
	}
}

// plans plays on a PostgreSQL of its own, and reads from its log how it ran the queries.
func plans(t *testing.T) (all []planned) {
	logs, err := os.MkdirTemp("", "logs-")
	ok(t, err)
	t.Cleanup(func() { ok(t, os.RemoveAll(logs)) })
	ok(t, os.Chmod(logs, 0o777)) // PostgreSQL runs as another user than root
	c := databasetest.Own(t, "-c", "enable_seqscan=off", "-c", "enable_bitmapscan=off", "-c", "logging_collector=on", "-c", "log_directory="+logs, "-c", "log_filename=log",
		"-c", "session_preload_libraries=auto_explain", "-c", "auto_explain.log_min_duration=0", "-c", "auto_explain.log_format=json", "-c", "auto_explain.log_nested_statements=on")
	s := open(t, databasetest.Open(t, database.Config{URL: c.URL, Migrations: conversation.Migrations}))
	play(t, s, 1, 1000)
	for _, call := range use {
		b := belongingsOf(t, s, anna)
		if _, err := call(t.Context(), b, anna); err != nil {
			t.Error(err)
		}
	}
	get(s.EndAbandoned(t.Context(), func(*conversation.Run) bool { return true }))(t)
	get(s.Sweep(t.Context()))(t)
	ok(t, c.Stop())
	log := get(os.ReadFile(filepath.Join(logs, "log")))(t)
	for _, record := range strings.Split(string(log), "plan:\n")[1:] {
		var p planned
		ok(t, json.NewDecoder(strings.NewReader(record)).Decode(&p))
		if !strings.Contains(p.Query, "goose") && !strings.Contains(p.Query, "pg_") {
			all = append(all, p)
		}
	}
	return all
}

// explain asks SQLite how it runs a query.
func explain(t *testing.T, db *database.DB, query string) string {
	var lines []string
	ok(t, db.Read(t.Context(), func(tx *sql.Tx) error {
		var args []any
		for strings.Contains(query, "$"+strconv.Itoa(len(args)+1)) {
			args = append(args, nil)
		}
		rows, err := tx.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var line string
			if err := rows.Scan(&id, &parent, &unused, &line); err != nil {
				return err
			}
			lines = append(lines, line)
		}
		return rows.Err()
	}))
	return strings.Join(lines, "\n") + "\n"
}
