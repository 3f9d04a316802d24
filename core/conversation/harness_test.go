package conversation_test

import (
	"encoding/json"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	anna  = conversation.Owner{ID: "key_anna"}
	bert  = conversation.Owner{ID: "key_bert"}
	admin = conversation.Owner{ID: "key_admin", All: true}
)

// each runs a test on an empty store in each database.
func each(t *testing.T, test func(t *testing.T, s *conversation.Store)) {
	t.Helper()
	databasetest.Each(t, conversation.Migrations, func(t *testing.T, db *database.DB) { test(t, open(t, db)) })
}

func open(t testing.TB, db *database.DB) *conversation.Store {
	t.Helper()
	s, err := conversation.Open(t.Context(), db, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ok ends a test at an error.
func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get ends a test at an error; else it is the value.
func get[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		ok(t, err)
		return value
	}
}

// isMissing checks that an object of a kind is missing.
func isMissing(t testing.TB, err error, kind string) {
	t.Helper()
	var missing *conversation.Missing
	if !errors.As(err, &missing) || missing.Kind != kind {
		t.Errorf("error %v; want one for a %s that is missing", err, kind)
	}
}

// isField checks that a field is refused.
func isField(t testing.TB, err error, param string) {
	t.Helper()
	var field *conversation.FieldError
	if !errors.As(err, &field) || field.Param != param {
		t.Errorf("error %v; want one for the field %s", err, param)
	}
}

func item(id string) conversation.Item {
	return conversation.Item{ID: id, Body: json.RawMessage(`{"id":"` + id + `"}`)}
}

// itemIDs are those of items, in a row.
func itemIDs(items []conversation.Item) (ids []string) {
	for _, i := range items {
		ids = append(ids, i.ID)
	}
	return ids
}

// message is one with a text.
func message(text string) *conversation.Message {
	return &conversation.Message{Role: "user", Status: "completed", Content: []conversation.Part{{Type: "text", Text: &conversation.Text{Value: text}}}}
}

// thread makes a thread of an owner.
func thread(t testing.TB, s *conversation.Store, o conversation.Owner, texts ...string) *conversation.Thread {
	t.Helper()
	var messages []*conversation.Message
	for _, text := range texts {
		messages = append(messages, message(text))
	}
	made := &conversation.Thread{}
	ok(t, s.CreateThread(t.Context(), o, made, messages...))
	return made
}

// run makes a run of a thread.
func run(t testing.TB, s *conversation.Store, o conversation.Owner, threadID, status string) *conversation.Run {
	t.Helper()
	r := &conversation.Run{ThreadID: threadID, Status: status}
	ok(t, s.CreateRun(t.Context(), o, r))
	return r
}

// response makes a response with an input and an output, in_ and out_ its name.
func response(t testing.TB, s *conversation.Store, o conversation.Owner, name, previous, conversationID string) *conversation.Response {
	t.Helper()
	r := &conversation.Response{Previous: previous, Conversation: conversationID, Body: json.RawMessage(`{"name":"` + name + `"}`),
		Input: []conversation.Item{item("in_" + name)}, Output: []conversation.Item{item("out_" + name)}}
	ok(t, s.CreateResponse(t.Context(), o, r))
	return r
}
