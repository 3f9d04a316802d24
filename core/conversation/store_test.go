package conversation_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	anna = conversation.Owner{ID: "key_anna"}
	bert = conversation.Owner{ID: "key_bert"}
)

func TestRound(t *testing.T) {
	ctx := context.Background()
	db, err := database.Open(ctx, database.Config{File: filepath.Join(t.TempDir(), "x.db"), Migrations: conversation.Migrations})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := conversation.Open(ctx, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	th := &conversation.Thread{Title: "x"}
	if err := s.CreateThread(ctx, anna, th, &conversation.Message{Role: "user"}, &conversation.Message{Role: "user"}); err != nil {
		t.Fatal(err)
	}
	l, err := s.Messages(ctx, anna, th.ID, "", conversation.Page{Limit: 1})
	if err != nil || !l.HasMore {
		t.Fatal(l, err)
	}
	l, err = s.Messages(ctx, anna, th.ID, "", conversation.Page{After: *l.LastID})
	if err != nil || l.HasMore || len(l.Data) != 1 {
		t.Fatal(l, err)
	}
	if err := s.ImportThread(ctx, bert, th, nil); !errors.Is(err, conversation.ErrExists) {
		t.Fatal(err)
	}
	r := &conversation.Run{ThreadID: th.ID, Status: "queued"}
	if err := s.CreateRun(ctx, anna, r, &conversation.Message{}); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateRun(ctx, anna, &conversation.Run{ThreadID: th.ID, Status: "queued"}); !errors.Is(err, conversation.ErrBusy) {
		t.Fatal(err)
	}
	if _, err := s.UpdateRun(ctx, r.ID, func(r *conversation.Run) error { r.Status = "completed"; return nil }, &conversation.Message{}, &conversation.Step{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Steps(ctx, anna, th.ID, r.ID, conversation.Page{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.UpdateThread(ctx, anna, th.ID, func(t *conversation.Thread) error { t.Title = "y"; return nil }); err != nil {
		t.Fatal(err)
	}
	f := &conversation.File{Purpose: "x"}
	if err := s.CreateFile(ctx, anna, f, strings.NewReader(strings.Repeat("abc", 1<<20))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Files(ctx, anna, "x", conversation.Page{}); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteFile(ctx, anna, f.ID); err != nil {
		t.Fatal(err)
	}
	c := &conversation.Conversation{}
	if err := s.CreateConversation(ctx, anna, c, []conversation.Item{item("a")}); err != nil {
		t.Fatal(err)
	}
	resp := &conversation.Response{Conversation: c.ID, Body: []byte(`{}`), Input: []conversation.Item{item("b")}, Output: []conversation.Item{{"c", json.RawMessage(`{}`)}}}
	if err := s.CreateResponse(ctx, anna, resp); err != nil {
		t.Fatal(err)
	}
	r2 := &conversation.Response{Previous: resp.ID, Body: []byte(`{}`), Input: []conversation.Item{item("d")}, Output: []conversation.Item{{"e", json.RawMessage(`{}`)}}}
	if err := s.CreateResponse(ctx, anna, r2); err != nil {
		t.Fatal(err)
	}
	h, err := s.History(ctx, anna, r2.ID)
	if err != nil || len(h) != 5 {
		t.Fatal(h, err)
	}
	in, err := s.InputItems(ctx, anna, r2.ID, conversation.Page{Ascending: true})
	if err != nil || *in.FirstID != "a" || *in.LastID != "d" {
		t.Fatal(in, err)
	}
	if err := s.DeleteResponse(ctx, anna, resp.ID); err != nil {
		t.Fatal(err)
	}
	if n, err := s.ForgetResponses(ctx, 1<<40); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if err := s.DeleteConversation(ctx, anna, c.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteThread(ctx, anna, th.ID); err != nil {
		t.Fatal(err)
	}
	if n, err := s.EndAbandoned(ctx, 1<<40); n != 0 || err != nil {
		t.Fatal(n, err)
	}
}

func item(id string) conversation.Item {
	return conversation.Item{ID: id, Body: json.RawMessage(`{"id":"` + id + `"}`)}
}
