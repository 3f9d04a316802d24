package conversation

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
)

// chain is a query for a response and those that it goes on from, with depth 0 first.
// The one before is looked up by a query of its own, for each: PostgreSQL made a join
// to a scan of all responses, 1,000 times for a chain of 1,000.
const chain = `WITH RECURSIVE chain (id, previous, depth) AS (
	SELECT id, previous, 0 FROM responses WHERE id = $1
	UNION ALL
	SELECT previous, (SELECT r.previous FROM responses r WHERE r.id = chain.previous), depth + 1 FROM chain WHERE previous <> ''
) `

// What a chain stands on: what was in the conversation of its first response before
// that came, and the items of its responses. Only a first response is in a conversation.
const (
	fromConversation = ` FROM responses r JOIN conversation_items i ON i.conversation = r.conversation AND i.made < r.place
	WHERE r.id = (SELECT id FROM chain WHERE previous = '') ORDER BY i.made`
	fromResponses = " FROM chain JOIN response_items i ON i.response = chain.id"
	inOrder       = " ORDER BY chain.depth DESC, i.seq"
)

// maxHistory is how much is read of what went before a request, in bytes: images may be
// in each item, and a chain has no end.
const maxHistory = 256 << 20

// bounded reads items until they are too much at once; param is what a client sent that
// leads to them.
func (s *Store) bounded(param string) func(row) (string, Item, error) {
	size := 0
	return func(r row) (string, Item, error) {
		id, item, err := scanItem(r)
		if size += len(item.Body); err == nil && size > s.history {
			err = &FieldError{param, fmt.Sprintf("What went before has more than %d bytes, which are the most; begin a new conversation.", s.history)}
		}
		return id, item, err
	}
}

// History is what went before a request that goes on from a response: input and output
// of each in the chain, oldest first, after what was in its conversation. [FieldError]:
// it is more than 256 MiB.
func (s *Store) History(ctx context.Context, o Owner, id string) ([]Item, error) {
	return reading(ctx, s, func(tx *sql.Tx) ([]Item, error) {
		if err := responses.has(ctx, tx, o.of(), id); err != nil {
			return nil, err
		}
		scan := s.bounded("previous_response_id")
		first, err := collect(ctx, tx, chain+"SELECT i.id, i.body"+fromConversation, []any{id}, scan)
		if err != nil {
			return nil, err
		}
		rest, err := collect(ctx, tx, chain+"SELECT i.id, i.body"+fromResponses+inOrder, []any{id}, scan)
		return objects(append(first, rest...)), err
	})
}

// InputItems lists all that the model was given for a response: of those before it too.
func (s *Store) InputItems(ctx context.Context, o Owner, id string, p Page) (List[json.RawMessage], error) {
	return reading(ctx, s, func(tx *sql.Tx) (List[json.RawMessage], error) {
		var none List[json.RawMessage]
		if err := responses.has(ctx, tx, o.of(), id); err != nil {
			return none, err
		}
		places, err := inputPlaces(ctx, tx, id)
		if err != nil {
			return none, err
		}
		places, more, err := cut(places, p)
		if err != nil {
			return none, err
		}
		backward := p.After == "" && p.Before != ""
		if backward {
			slices.Reverse(places)
		}
		found, full, err := readPlaces(ctx, tx, places)
		if backward {
			slices.Reverse(found)
		}
		return listOf(found, more || full), err
	})
}

// readPlaces reads the items of a page, up to the one that makes it too large.
func readPlaces(ctx context.Context, tx *sql.Tx, places []listed[place]) (found []listed[json.RawMessage], full bool, err error) {
	size := 0
	for _, at := range places {
		if size >= largestBytes {
			return found, true, nil
		}
		body, err := at.object.read(ctx, tx, at.id)
		if err != nil {
			return nil, false, err
		}
		found, size = append(found, listed[json.RawMessage]{at.id, body}), size+len(body)
	}
	return found, false, nil
}

// A place is where an item lies: in a response, or in a conversation.
type place struct {
	response     string
	seq          int64
	conversation string
}

// inputPlaces are those of what the model was given, oldest first.
func inputPlaces(ctx context.Context, tx *sql.Tx, id string) ([]listed[place], error) {
	scan := func(r row) (id string, p place, err error) {
		err = r.Scan(&id, &p.response, &p.seq, &p.conversation)
		return id, p, err
	}
	first, err := collect(ctx, tx, chain+"SELECT i.id, '', i.made, i.conversation"+fromConversation, []any{id}, scan)
	if err != nil {
		return nil, err
	}
	rest, err := collect(ctx, tx, chain+"SELECT i.id, i.response, i.seq, ''"+fromResponses+" WHERE chain.depth > 0 OR i.output = 0"+inOrder, []any{id}, scan)
	return append(first, rest...), err
}

func (p place) read(ctx context.Context, tx *sql.Tx, id string) (body []byte, err error) {
	if p.response != "" {
		err = tx.QueryRowContext(ctx, "SELECT body FROM response_items WHERE response = $1 AND seq = $2", p.response, p.seq).Scan(&body)
	} else {
		err = tx.QueryRowContext(ctx, "SELECT body FROM conversation_items WHERE conversation = $1 AND id = $2", p.conversation, id).Scan(&body)
	}
	return body, err
}

// cut returns a page of what was given oldest first, as [source.page] does.
func cut[T any](all []listed[T], p Page) (found []listed[T], more bool, err error) {
	limit, err := p.check()
	if err != nil {
		return nil, false, err
	}
	if !p.Ascending {
		slices.Reverse(all)
	}
	from, to := 0, len(all)
	if p.After != "" {
		if from = 1 + indexOf(all, p.After); from == 0 {
			return nil, false, &FieldError{"after", (&Missing{"item", p.After}).Error()}
		}
	}
	if p.Before != "" {
		if to = indexOf(all, p.Before); to < 0 {
			return nil, false, &FieldError{"before", (&Missing{"item", p.Before}).Error()}
		}
	}
	all = all[min(from, to):to]
	if len(all) <= limit {
		return all, false, nil
	}
	if p.After == "" && p.Before != "" {
		return all[len(all)-limit:], true, nil
	}
	return all[:limit], true, nil
}

// indexOf finds the last of an id: a client may have sent an item twice, and who asks
// for page after page gets to the end even so.
func indexOf[T any](all []listed[T], id string) int {
	for i, l := range slices.Backward(all) {
		if l.id == id {
			return i
		}
	}
	return -1
}
