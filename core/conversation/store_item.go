package conversation

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
)

// FindItems returns items by their ids: those of the owner's responses and
// conversations. Where several have one id, which engines may give twice, it is the one
// that was made last. What does not exist is not among them.
func (s *Store) FindItems(ctx context.Context, o Owner, ids []string) (map[string]Item, error) {
	return reading(ctx, s, func(tx *sql.Tx) (map[string]Item, error) {
		found := map[string]Item{}
		for some := range slices.Chunk(ids, mostIDs) {
			if err := findItems(ctx, tx, o, some, found); err != nil {
				return nil, err
			}
		}
		return found, nil
	})
}

// mostIDs is how many ids a query asks for: SQLite takes 32,766 arguments, and finds the
// place of each among all of them.
const mostIDs = 100

func findItems(ctx context.Context, tx *sql.Tx, o Owner, ids []string, found map[string]Item) error {
	asked := idsIn("i.id", ids)
	if len(asked.args) == 0 {
		return nil
	}
	if !o.All {
		asked = asked.and("o.owner = ?", o.ID)
	}
	for _, from := range []string{
		" FROM conversation_items i JOIN conversations o ON o.id = i.conversation" + asked.String() + " ORDER BY i.made",
		" FROM response_items i JOIN responses o ON o.id = i.response" + asked.String() + " ORDER BY o.made, i.seq",
	} {
		rows, err := collect(ctx, tx, "SELECT i.id, i.body"+from, asked.args, scanItem)
		if err != nil {
			return err
		}
		for _, r := range rows {
			found[r.id] = r.object
		}
	}
	return nil
}

// idsIn is the condition that a column is one of some ids; without arguments where none
// of them can be one.
func idsIn(column string, ids []string) (w where) {
	var marks []string
	for _, id := range ids {
		if possible(id) {
			w.args = append(w.args, id)
			marks = append(marks, "$"+strconv.Itoa(len(w.args)))
		}
	}
	w.terms = []string{column + " IN (" + strings.Join(marks, ", ") + ")"}
	return w
}
