package conversation

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

var (
	conversations = source[*Conversation]{kind: "conversation", table: "conversations", columns: "id, body", scan: object[Conversation]}
	items         = source[Item]{kind: "item", table: "conversation_items", columns: "id, body", scan: scanItem}
)

func scanItem(r row) (string, Item, error) {
	var i Item
	err := r.Scan(&i.ID, (*[]byte)(&i.Body))
	return i.ID, i, err
}

// An itemRow is an item as it is kept.
type itemRow struct{ id, body string }

// rowsOf checks items that came from elsewhere.
func rowsOf(items []Item) ([]itemRow, error) {
	var rows []itemRow
	for i, item := range items {
		if err := checkID(fmt.Sprintf("items[%d].id", i), item.ID); err != nil {
			return nil, err
		}
		body, err := checked("the item "+item.ID, item.Body)
		if err != nil {
			return nil, err
		}
		rows = append(rows, itemRow{item.ID, body})
	}
	return rows, nil
}

// CreateConversation makes a conversation with its first items, all or nothing.
func (s *Store) CreateConversation(ctx context.Context, o Owner, c *Conversation, items []Item) error {
	made, err := s.birth(&c.ID, &c.CreatedAt, "conv_")
	if err != nil {
		return err
	}
	c.Object = "conversation"
	body, err := encode(c)
	if err != nil {
		return err
	}
	rows, err := rowsOf(items)
	if err != nil {
		return err
	}
	return exists(s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO conversations (id, owner, made, body) VALUES ($1, $2, $3, $4)", c.ID, o.ID, made, body)
		if err != nil {
			return err
		}
		return addItems(ctx, tx, c.ID, made, rows)
	}))
}

// addItems puts items behind those of a conversation.
func addItems(ctx context.Context, tx *sql.Tx, conversationID string, made int64, rows []itemRow) error {
	for _, r := range rows {
		if err := addItem(ctx, tx, conversationID, made, r, ""); err != nil {
			return err
		}
		made++
	}
	return nil
}

func addItem(ctx context.Context, tx *sql.Tx, conversationID string, made int64, r itemRow, conflict string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO conversation_items (conversation, id, made, body) VALUES ($1, $2, $3, $4)"+conflict, conversationID, r.id, made, r.body)
	return err
}

// Conversation returns a conversation.
func (s *Store) Conversation(ctx context.Context, o Owner, id string) (*Conversation, error) {
	return reading(ctx, s, func(tx *sql.Tx) (*Conversation, error) { return conversations.one(ctx, tx, o.of(), id) })
}

// UpdateConversation changes a conversation, see [Store.UpdateAssistant].
func (s *Store) UpdateConversation(ctx context.Context, o Owner, id string, change func(*Conversation) error) (*Conversation, error) {
	return writing(ctx, s, func(tx *sql.Tx) (*Conversation, error) { return conversations.change(ctx, tx, o.of(), id, change) })
}

// DeleteConversation deletes a conversation with its items. Its responses stay, and
// are forgotten as those that are in none: as if they were made now.
func (s *Store) DeleteConversation(ctx context.Context, o Owner, id string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := conversations.remove(ctx, tx, o.of(), id); err != nil {
			return err
		}
		const left = "conversation <> '' AND conversation = "
		_, err := tx.ExecContext(ctx, "UPDATE trees SET used = $1 WHERE id IN (SELECT tree FROM responses WHERE "+left+"$2)", time.Now().Unix(), id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE responses SET conversation = '' WHERE "+left+"$1", id)
		return err
	})
}

// AddItems puts items behind those of a conversation, all or none. [ErrExists] where
// one of an id is there.
func (s *Store) AddItems(ctx context.Context, o Owner, conversationID string, added []Item) error {
	rows, err := rowsOf(added)
	if err != nil {
		return err
	}
	now := s.now()
	return exists(s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := inConversation(ctx, tx, o, conversationID); err != nil {
			return err
		}
		made, err := nextItem(ctx, tx, conversationID, now)
		if err != nil {
			return err
		}
		return addItems(ctx, tx, conversationID, made, rows)
	}))
}

// nextItem is the time of the next item of a conversation.
func nextItem(ctx context.Context, tx *sql.Tx, conversationID string, now int64) (int64, error) {
	last, err := items.last(ctx, tx, where{}.and("conversation = ?", conversationID))
	return max(now, last+1), err
}

// Items lists those of a conversation.
func (s *Store) Items(ctx context.Context, o Owner, conversationID string, p Page) (List[json.RawMessage], error) {
	return reading(ctx, s, func(tx *sql.Tx) (List[json.RawMessage], error) {
		w, err := inConversation(ctx, tx, o, conversationID)
		if err != nil {
			return List[json.RawMessage]{}, err
		}
		l, err := items.page(ctx, tx, w, p)
		return bodies(l), err
	})
}

// bodies is a list of items as clients get it.
func bodies(l List[Item]) List[json.RawMessage] {
	b := List[json.RawMessage]{Object: l.Object, Data: make([]json.RawMessage, 0, len(l.Data)), FirstID: l.FirstID, LastID: l.LastID, HasMore: l.HasMore}
	for _, i := range l.Data {
		b.Data = append(b.Data, i.Body)
	}
	return b
}

// AllItems are those of a conversation, oldest first. [FieldError]: they are more than
// 256 MiB.
func (s *Store) AllItems(ctx context.Context, o Owner, conversationID string) ([]Item, error) {
	return reading(ctx, s, func(tx *sql.Tx) ([]Item, error) {
		w, err := inConversation(ctx, tx, o, conversationID)
		if err != nil {
			return nil, err
		}
		all := items
		all.scan = s.bounded("conversation")
		rows, err := all.rows(ctx, tx, w, true, 0)
		return objects(rows), err
	})
}

// Item returns an item of a conversation.
func (s *Store) Item(ctx context.Context, o Owner, conversationID, id string) (json.RawMessage, error) {
	return reading(ctx, s, func(tx *sql.Tx) (json.RawMessage, error) {
		w, err := inConversation(ctx, tx, o, conversationID)
		if err != nil {
			return nil, err
		}
		i, err := items.one(ctx, tx, w, id)
		return i.Body, err
	})
}

// DeleteItem deletes an item of a conversation; the response that it came with keeps
// its own.
func (s *Store) DeleteItem(ctx context.Context, o Owner, conversationID, id string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		w, err := inConversation(ctx, tx, o, conversationID)
		if err != nil {
			return err
		}
		return items.remove(ctx, tx, w, id)
	})
}

// inConversation is the condition that a row belongs to a conversation, or [Missing] where
// the owner has no such conversation.
func inConversation(ctx context.Context, tx *sql.Tx, o Owner, id string) (where, error) {
	return where{}.and("conversation = ?", id), conversations.has(ctx, tx, o.of(), id)
}
