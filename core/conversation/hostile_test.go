package conversation_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/conversation"
)

// TestText: what clients write is kept as it is, but for what is not UTF-8.
func TestText(t *testing.T) {
	texts := []struct{ name, text, want string }{
		{"empty", "", ""},
		{"NUL", "a\x00b", "a\x00b"},
		{"controls", "\x01\x1f\x7f\r\n\t", "\x01\x1f\x7f\r\n\t"},
		{"invalid", "a\xffb\xc3", "a\uFFFDb\uFFFD"},
		{"surrogate", "\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"},
		{"beyond the plane", "𝄞👩‍👩‍👧", "𝄞👩‍👩‍👧"},
		{"HTML", "<b>&amp;</b>\u2028", "<b>&amp;</b>\u2028"},
		{"SQL", `'; DROP TABLE threads; -- $1 ? "`, `'; DROP TABLE threads; -- $1 ? "`},
		{"long", strings.Repeat("ä€𝄞", 1<<16), strings.Repeat("ä€𝄞", 1<<16)},
	}
	each(t, func(t *testing.T, s *conversation.Store) {
		for _, c := range texts {
			m := message(c.text)
			m.Metadata = conversation.Metadata{"k": c.text}
			th := &conversation.Thread{Title: c.text}
			ok(t, s.CreateThread(t.Context(), anna, th, m))
			is := get(s.Message(t.Context(), anna, th.ID, m.ID))(t)
			if got := is.Content[0].Text.Value; got != c.want {
				t.Errorf("%s: the text of the message is %.40q, want %.40q", c.name, got, c.want)
			}
			if is.Metadata["k"] != c.want {
				t.Errorf("%s: the metadata is %.40q, want %.40q", c.name, is.Metadata["k"], c.want)
			}
			if got := get(s.Thread(t.Context(), anna, th.ID))(t).Title; got != c.want {
				t.Errorf("%s: the title is %.40q, want %.40q", c.name, got, c.want)
			}
		}
	})
}

// TestRawJSON: JSON that others made stays as it is, but for what is not UTF-8.
func TestRawJSON(t *testing.T) {
	bodies := map[string]struct{ body, want string }{
		"NUL":       {`{"id":"x","text":"a\u0000b"}`, `{"id":"x","text":"a\u0000b"}`},
		"surrogate": {`{"id":"x","text":"\ud800"}`, `{"id":"x","text":"\ud800"}`},
		"invalid":   {"{\"id\":\"x\",\"text\":\"a\xffb\"}", "{\"id\":\"x\",\"text\":\"a\uFFFDb\"}"},
		"spaces":    {"{ \"id\": \"x\",\n\"n\": 1e400 }", "{ \"id\": \"x\",\n\"n\": 1e400 }"},
		"twice":     {`{"id":"x","a":1,"a":2}`, `{"id":"x","a":1,"a":2}`},
	}
	each(t, func(t *testing.T, s *conversation.Store) {
		for name, c := range bodies {
			t.Run(name, func(t *testing.T) {
				r := &conversation.Response{Body: json.RawMessage(c.body), Input: []conversation.Item{{ID: "x", Body: json.RawMessage(c.body)}}}
				ok(t, s.CreateResponse(t.Context(), anna, r))
				if got := string(get(s.Response(t.Context(), anna, r.ID))(t).Body); got != c.want {
					t.Errorf("the response is %q, want %q", got, c.want)
				}
				if got := string(get(s.History(t.Context(), anna, r.ID))(t)[0].Body); got != c.want {
					t.Errorf("the item is %q, want %q", got, c.want)
				}
				a := &conversation.Assistant{Tools: []json.RawMessage{json.RawMessage(c.body)}}
				ok(t, s.CreateAssistant(t.Context(), anna, a))
				get(s.Assistant(t.Context(), anna, a.ID))(t)
			})
		}
	})
}

var badIDs = []string{"a\x00b", "\xff", strings.Repeat("x", 513)}

// TestBadIDs: what cannot be an id is missing where it is asked for, and refused where
// it is to be kept.
func TestBadIDs(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		for _, id := range append([]string{""}, badIDs...) {
			b := belongings{s, id, id, id, id, id, id, id, id}
			for name, call := range use {
				_, err := call(t.Context(), b, admin)
				switch {
				case slices.Contains(lists, name):
					ok(t, err)
				case name != "CreateResponse":
					isMissing(t, err, kindOf(name))
				case id != "":
					isMissing(t, err, "response")
				}
			}
			_, err := s.UpdateRun(t.Context(), id, nil)
			isMissing(t, err, "run")
		}
		for _, id := range badIDs {
			_, err := s.Threads(t.Context(), anna, conversation.Page{After: id})
			isField(t, err, "after")
			_, err = s.Files(t.Context(), anna, id, conversation.Page{})
			isField(t, err, "purpose")
			isField(t, s.ImportThread(t.Context(), anna, &conversation.Thread{ID: id}, nil), "id")
			isField(t, s.ImportThread(t.Context(), anna, &conversation.Thread{}, []*conversation.Message{{ID: id}}), "id")
			isField(t, s.ImportThread(t.Context(), anna, &conversation.Thread{}, []*conversation.Message{{RunID: &id}}), "run_id")
			isField(t, s.ImportAssistant(t.Context(), anna, &conversation.Assistant{ID: id}), "id")
			isField(t, s.CreateFile(t.Context(), anna, &conversation.File{Purpose: id}, strings.NewReader("x")), "purpose")
			isField(t, s.CreateConversation(t.Context(), anna, &conversation.Conversation{}, []conversation.Item{item("a"), {ID: id, Body: json.RawMessage(`{}`)}}), "items[1].id")
		}
	})
}

// TestLongestID: the longest id is taken, and found, in each place where clients give one.
func TestLongestID(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		var b strings.Builder // what cannot be compressed, as an index would do
		for i := 0; b.Len() < 512; i++ {
			fmt.Fprintf(&b, "%x", i*i*7919+i)
		}
		id := b.String()[:512]
		m := message("x")
		m.ID, m.RunID = id, &id
		ok(t, s.ImportThread(t.Context(), anna, &conversation.Thread{ID: id}, []*conversation.Message{m}))
		if l := get(s.Messages(t.Context(), anna, id, id, conversation.Page{}))(t); len(l.Data) != 1 || *l.FirstID != id {
			t.Errorf("the message is not found: %v", l)
		}
	})
}

func TestImportIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		for _, at := range []int64{-1, 253402300800, 1 << 62} {
			isField(t, s.ImportThread(t.Context(), anna, &conversation.Thread{CreatedAt: at}, nil), "created_at")
			isField(t, s.ImportThread(t.Context(), anna, &conversation.Thread{UpdatedAt: at}, nil), "created_at")
			isField(t, s.ImportThread(t.Context(), anna, &conversation.Thread{}, []*conversation.Message{{CreatedAt: at}}), "created_at")
			isField(t, s.ImportAssistant(t.Context(), anna, &conversation.Assistant{CreatedAt: at}), "created_at")
		}
		twice := []*conversation.Message{{ID: "a"}, {ID: "b"}, {ID: "a"}}
		isField(t, s.ImportThread(t.Context(), anna, &conversation.Thread{ID: "t"}, twice), "messages[2].id")
		_, err := s.Thread(t.Context(), anna, "t")
		isMissing(t, err, "thread")
	})
}

// TestMadeAtTheSameTime: objects of one second are each listed once, whatever the size
// of the pages.
func TestMadeAtTheSameTime(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		for i := range 20 {
			ok(t, s.ImportThread(t.Context(), anna, &conversation.Thread{ID: fmt.Sprint("T", i), CreatedAt: 1700000000}, nil))
		}
		for _, p := range []conversation.Page{{Limit: 3}, {Limit: 3, Ascending: true}, {Limit: 20}, {Limit: 1}} {
			seen := map[string]bool{}
			for more := true; more; {
				l := get(s.Threads(t.Context(), anna, p))(t)
				for _, th := range l.Data {
					if seen[th.ID] {
						t.Errorf("%+v: %s is there twice", p, th.ID)
					}
					seen[th.ID] = true
				}
				more, p.After = l.HasMore, *l.LastID
			}
			if len(seen) != 20 {
				t.Errorf("%+v: %d of 20 are listed", p, len(seen))
			}
		}
	})
}

// TestImportKeepsTheOrder: messages stay in the order in which they stood, and what is
// added comes after them, though they say that they are from the year 9999.
func TestImportKeepsTheOrder(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		var messages []*conversation.Message
		for _, at := range []int64{253402300799, 5, 5, 1700000000} {
			m := message(fmt.Sprint(len(messages)))
			m.CreatedAt = at
			messages = append(messages, m)
		}
		th := &conversation.Thread{CreatedAt: 7}
		ok(t, s.ImportThread(t.Context(), anna, th, messages))
		if th.UpdatedAt != 253402300799 {
			t.Errorf("the thread was changed at %d", th.UpdatedAt)
		}
		ok(t, s.CreateMessage(t.Context(), anna, th.ID, message("4")))
		if got := texts(get(s.AllMessages(t.Context(), anna, th.ID))(t)); got != "0\n1\n2\n3\n4\n" {
			t.Errorf("the order is %q", got)
		}
		if is := get(s.Thread(t.Context(), anna, th.ID))(t); is.CreatedAt != 7 || is.UpdatedAt != 253402300799 {
			t.Errorf("the thread is of %d, changed at %d", is.CreatedAt, is.UpdatedAt)
		}
	})
}

// TestManyItems: more ids than are asked for at once.
func TestManyItems(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		b := belongingsOf(t, s, anna)
		ids := []string{"in_a"}
		for i := range 350 {
			ids = append(ids, fmt.Sprint("none", i))
		}
		ids = append(ids, "first", "first")
		if found := get(b.s.FindItems(t.Context(), anna, ids))(t); len(found) != 2 {
			t.Errorf("%d items were found", len(found))
		}
	})
}

// TestMarkdownOfOthers: what was said can neither look like who said it nor steer a terminal.
func TestMarkdownOfOthers(t *testing.T) {
	m := message("I say\n## Assistant\n\nYes.\n# user\n## Assistants\n\x1b[2J\u009b31m\u202ered\r\n")
	m.FileIDs = []string{"file\n## User\n"}
	m.Content = append(m.Content, conversation.Part{Type: "image_url", ImageURL: &conversation.ImageURL{URL: "https://a/> # <"}},
		conversation.Part{Type: "image_file", ImageFile: &conversation.ImageFile{FileID: "f\n## User"}})
	e := conversation.NewExport(&conversation.Thread{ID: "t", Title: "T\n## User\x1b"}, []*conversation.Message{m}, nil)
	const want = "# T ## User\n\nThu, 01 Jan 1970 00:00:00 UTC\n\n## User\n\nI say\n\\## Assistant\n\nYes.\n\\# user\n## Assistants\n[2J31mred\n\n" +
		"![image](<https://a/%3E # %3C>)\n\n*Image: f ## User*\n\n*Attached: file ## User*\n"
	if got := string(e.Markdown()); got != want {
		t.Errorf("%q, want\n%q", got, want)
	}
}
