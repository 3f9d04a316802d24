package conversation

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// FindItems returns items by their ids: those of the owner's responses and
// conversations. Where several have one id, which engines may give twice, it is the one
// that was made last. What does not exist is not among them.
func (s *Store) FindItems(ctx context.Context, o Owner, ids []string) (map[string]Item, error) {
	asked := idsIn("i.id", ids)
	if len(asked.args) == 0 {
		return nil, nil
	}
	if !o.All {
		asked = asked.and("o.owner = ?", o.ID)
	}
	return reading(ctx, s, func(tx *sql.Tx) (map[string]Item, error) {
		found := map[string]Item{}
		for _, from := range []string{
			" FROM conversation_items i JOIN conversations o ON o.id = i.conversation" + asked.String() + " ORDER BY i.made",
			" FROM response_items i JOIN responses o ON o.id = i.response" + asked.String() + " ORDER BY o.made",
		} {
			rows, err := collect(ctx, tx, "SELECT i.id, i.body"+from, asked.args, scanItem)
			if err != nil {
				return nil, err
			}
			for _, r := range rows {
				found[r.id] = r.object
			}
		}
		return found, nil
	})
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
