package conversation_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/conversation"
)

// TestLargePages: a page ends with the object that makes it large, and those who ask on get
// all, in both directions.
func TestLargePages(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		th, large := &conversation.Thread{}, strings.Repeat("x", 15<<20)
		ok(t, s.CreateThread(t.Context(), anna, th))
		r := &conversation.Response{Body: json.RawMessage(`{}`)}
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			m := message(large)
			m.ID = id
			ok(t, s.CreateMessage(t.Context(), anna, th.ID, m))
			r.Input = append(r.Input, conversation.Item{ID: id, Body: json.RawMessage(`"` + large + `"`)})
		}
		ok(t, s.CreateResponse(t.Context(), anna, r))
		for _, c := range []struct {
			page conversation.Page
			want string // ids, and a + where there are more
		}{
			{conversation.Page{Ascending: true}, "abc+"},
			{conversation.Page{Ascending: true, After: "c"}, "de"},
			{conversation.Page{}, "edc+"},
			{conversation.Page{Before: "a"}, "dcb+"},
			{conversation.Page{Before: "a", After: "d"}, "cb"},
			{conversation.Page{Limit: 1}, "e+"},
		} {
			messages := get(s.Messages(t.Context(), anna, th.ID, "", c.page))(t)
			got := ""
			for _, m := range messages.Data {
				got += m.ID
			}
			items := get(s.InputItems(t.Context(), anna, r.ID, c.page))(t)
			if got += plus(messages.HasMore); got != c.want {
				t.Errorf("messages, %+v: %s, want %s", c.page, got, c.want)
			}
			first, last := c.want[:1], strings.TrimSuffix(c.want, "+")
			if *items.FirstID != first || *items.LastID != last[len(last)-1:] || len(items.Data) != len(last) || items.HasMore != (last != c.want) {
				t.Errorf("items, %+v: %s to %s, %v, want %s", c.page, *items.FirstID, *items.LastID, items.HasMore, c.want)
			}
		}
	})
}

func plus(more bool) string {
	if more {
		return "+"
	}
	return ""
}
