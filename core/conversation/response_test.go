package conversation_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
)

// TestLongChain: the history of a chain of 200 is read in one go.
func TestLongChain(t *testing.T) {
	const length = 200
	each(t, func(t *testing.T, s *conversation.Store) {
		var want []string
		last := ""
		for i := range length {
			name := fmt.Sprint(i)
			last = response(t, s, anna, name, last, "").ID
			want = append(want, "in_"+name, "out_"+name)
		}
		begin := time.Now()
		items := get(s.History(t.Context(), anna, last))(t)
		t.Logf("the history of %d responses: %v", length, time.Since(begin))
		if !slices.Equal(itemIDs(items), want) {
			t.Errorf("%d items in another order, or not those", len(items))
		}
		begin = time.Now()
		l := get(s.InputItems(t.Context(), anna, last, conversation.Page{Before: "out_3", Ascending: true, Limit: 3}))(t)
		t.Logf("a page of its input items: %v", time.Since(begin))
		if len(l.Data) != 3 || *l.FirstID != "in_2" || *l.LastID != "in_3" || !l.HasMore {
			t.Errorf("the page before out_3 is %s", l.Data)
		}
	})
}

// TestItemsTwice: a client may send an item again; who reads page after page comes to
// the end.
func TestItemsTwice(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		r := &conversation.Response{Body: json.RawMessage(`{}`)}
		for range 5 {
			r.Input = append(r.Input, item("a"), item("b"))
		}
		ok(t, s.CreateResponse(t.Context(), anna, r))
		p := conversation.Page{Limit: 3}
		for pages := 1; ; pages++ {
			l := get(s.InputItems(t.Context(), anna, r.ID, p))(t)
			if !l.HasMore {
				break
			}
			if p.After = *l.LastID; pages > 10 {
				t.Fatal("the pages have no end")
			}
		}
	})
}

// TestForget: a response stays while something in its tree was made since, or is in a
// conversation.
func TestForget(t *testing.T) {
	databasetest.Each(t, conversation.Migrations, func(t *testing.T, db *database.DB) {
		s := open(t, db)
		c := &conversation.Conversation{}
		ok(t, s.CreateConversation(t.Context(), anna, c, nil))
		first := response(t, s, anna, "first", "", "")
		second := response(t, s, anna, "second", first.ID, "")
		branch := response(t, s, anna, "branch", first.ID, "")
		kept := response(t, s, anna, "kept", "", c.ID)
		after := response(t, s, anna, "after", kept.ID, "")
		if n := get(s.ForgetResponses(t.Context(), time.Now().Unix()-60))(t); n != 0 {
			t.Errorf("%d young responses were forgotten", n)
		}
		ok(t, s.DeleteResponse(t.Context(), anna, first.ID))
		if h := itemIDs(get(s.History(t.Context(), anna, second.ID))(t)); !slices.Equal(h, []string{"in_second", "out_second"}) {
			t.Errorf("after its first response was deleted, a chain is %q", h)
		}
		if n := get(s.ForgetResponses(t.Context(), time.Now().Unix()+60))(t); n != 2 {
			t.Errorf("%d responses were forgotten; want the second and the branch", n)
		}
		_, err := s.Response(t.Context(), anna, branch.ID)
		isMissing(t, err, "response")
		if h := get(s.History(t.Context(), anna, after.ID))(t); len(h) != 4 {
			t.Errorf("what goes on from a response in a conversation has a history of %d items", len(h))
		}
		ok(t, s.DeleteConversation(t.Context(), anna, c.ID))
		if r := get(s.Response(t.Context(), anna, kept.ID))(t); r.Conversation != "" {
			t.Errorf("the response is in the conversation %q, which was deleted", r.Conversation)
		}
		if n := get(s.ForgetResponses(t.Context(), time.Now().Unix()+60))(t); n != 2 {
			t.Errorf("%d responses were forgotten; want those of the conversation that was deleted", n)
		}
		for _, table := range []string{"trees", "responses", "response_items", "conversations", "conversation_items"} {
			if n := count(t, db, table); n != 0 {
				t.Errorf("%d rows are left in %s", n, table)
			}
		}
	})
}

// TestForgetMany: more than are deleted at once.
func TestForgetMany(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		for i := range 60 {
			response(t, s, anna, fmt.Sprint(i), "", "")
		}
		if n := get(s.ForgetResponses(t.Context(), time.Now().Unix()+60))(t); n != 60 {
			t.Errorf("%d of 60 responses were forgotten", n)
		}
	})
}

// TestDeletedRootOfConversation: the last of a conversation's tree to go is forgotten
// in the end.
func TestDeletedRootOfConversation(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		c := &conversation.Conversation{}
		ok(t, s.CreateConversation(t.Context(), anna, c, nil))
		root := response(t, s, anna, "root", "", c.ID)
		response(t, s, anna, "child", root.ID, "")
		ok(t, s.DeleteResponse(t.Context(), anna, root.ID))
		if n := get(s.ForgetResponses(t.Context(), time.Now().Unix()+60))(t); n != 1 {
			t.Errorf("%d responses were forgotten; want the child", n)
		}
	})
}

func TestResponseIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		c := &conversation.Conversation{}
		ok(t, s.CreateConversation(t.Context(), anna, c, nil))
		r := response(t, s, anna, "a", "", "")
		both := &conversation.Response{Previous: r.ID, Conversation: c.ID, Body: json.RawMessage(`{}`)}
		isField(t, s.CreateResponse(t.Context(), anna, both), "previous_response_id")
		if err := s.CreateResponse(t.Context(), anna, r); outcome(err) != "exists" {
			t.Errorf("a second one of the same id: %v", err)
		}
		for name, bad := range map[string]*conversation.Response{
			"body":      {Body: json.RawMessage(`{`)},
			"item":      {Body: json.RawMessage(`{}`), Output: []conversation.Item{{ID: "x", Body: json.RawMessage("{\x00}")}}},
			"item's id": {Body: json.RawMessage(`{}`), Input: []conversation.Item{{Body: json.RawMessage(`{}`)}}},
		} {
			if err := s.CreateResponse(t.Context(), anna, bad); err == nil {
				t.Errorf("a wrong %s is taken", name)
			}
		}
	})
}

// TestLargeHistory: what went before is read up to a bound.
func TestLargeHistory(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		talk := &conversation.Conversation{}
		ok(t, s.CreateConversation(t.Context(), anna, talk, []conversation.Item{item("a"), item("b")}))
		first := response(t, s, anna, "1", "", talk.ID)
		second := response(t, s, anna, "2", first.ID, "")
		size := 0
		for _, i := range get(s.History(t.Context(), anna, second.ID))(t) {
			size += len(i.Body)
		}
		s.SetMaxHistory(size)
		get(s.History(t.Context(), anna, second.ID))(t)
		s.SetMaxHistory(size - 1)
		var large *conversation.FieldError
		if _, err := s.History(t.Context(), anna, second.ID); !errors.As(err, &large) || large.Param != "previous_response_id" {
			t.Errorf("a history that is too large: %v", err)
		}
		s.SetMaxHistory(len(item("a").Body))
		if _, err := s.AllItems(t.Context(), anna, talk.ID); !errors.As(err, &large) || large.Param != "conversation" {
			t.Errorf("a conversation that is too large: %v", err)
		}
		th := &conversation.Thread{}
		ok(t, s.CreateThread(t.Context(), anna, th, message("first"), message("second")))
		if _, err := s.AllMessages(t.Context(), anna, th.ID); !errors.As(err, &large) {
			t.Errorf("a thread that is too large: %v", err)
		}
	})
}

// TestFindItems: of the owner's responses and conversations; of two with one id it is
// the later.
func TestFindItems(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		talk := &conversation.Conversation{}
		ok(t, s.CreateConversation(t.Context(), anna, talk, []conversation.Item{item("told")}))
		for _, body := range []string{`{"n":1}`, `{"n":2}`} {
			ok(t, s.CreateResponse(t.Context(), anna, &conversation.Response{Body: json.RawMessage(`{}`), Output: []conversation.Item{{ID: "twice", Body: json.RawMessage(body)}}}))
		}
		response(t, s, bert, "bert", "", "")
		asked := []string{"told", "twice", "in_bert", "none", "", "\x00", strings.Repeat("x", 3000)}
		found := get(s.FindItems(t.Context(), anna, asked))(t)
		if len(found) != 2 || found["told"].ID != "told" || string(found["twice"].Body) != `{"n":2}` {
			t.Errorf("found %v", found)
		}
		if found := get(s.FindItems(t.Context(), admin, asked))(t); len(found) != 3 {
			t.Errorf("an administrator finds %v", found)
		}
		if found := get(s.FindItems(t.Context(), anna, []string{""}))(t); len(found) != 0 {
			t.Errorf("nothing is asked for, and found %v", found)
		}
	})
}
