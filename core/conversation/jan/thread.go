package jan

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
)

// readThread reads the folder of a thread; nil where it holds none. A thread.json
// that is not there or cannot be read leaves the messages, which are worth more.
func readThread(root *os.Root, dir string) (*Conversation, error) {
	doc, err := document(root, path.Join(dir, "thread.json"))
	info, missing := root.Stat(path.Join(dir, "messages.jsonl"))
	if err != nil && missing != nil {
		if errors.Is(err, fs.ErrNotExist) && errors.Is(missing, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("thread.json: %w", err)
	}
	c := &Conversation{Thread: threadOf(doc, path.Base(dir)), Folder: dir}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.note("thread.json is not taken: %v", err)
	}
	if missing == nil {
		m := messages{root: root, dir: dir, to: c}
		if err := m.read(); err != nil {
			return nil, fmt.Errorf("messages.jsonl: %w", err)
		}
	} else if info, missing = root.Stat(path.Join(dir, "thread.json")); missing != nil {
		return nil, missing
	}
	c.times(info)
	return c, nil
}

func (c *Conversation) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// times fills in the times that nothing has said, from what is known: a thread is as
// old as its first message, and as new as its last one.
func (c *Conversation) times(info fs.FileInfo) {
	t := c.Thread
	if len(c.Messages) > 0 {
		t.CreatedAt = firstOf(t.CreatedAt, c.Messages[0].CreatedAt)
	}
	t.CreatedAt = firstOf(t.CreatedAt, t.UpdatedAt, info.ModTime().Unix())
	last := t.CreatedAt
	for _, m := range c.Messages { // lists go by time: what stands later in the file is not older
		m.CreatedAt = max(m.CreatedAt, last)
		last = m.CreatedAt
		if m.CompletedAt != nil {
			*m.CompletedAt = max(*m.CompletedAt, last)
		}
		if m.IncompleteAt != nil {
			*m.IncompleteAt = max(*m.IncompleteAt, last)
		}
	}
	t.UpdatedAt = max(firstOf(t.UpdatedAt, last), t.CreatedAt)
}

func firstOf(times ...int64) int64 {
	for _, t := range times {
		if t != 0 {
			return t
		}
	}
	return 0
}

func threadOf(doc gjson.Result, folder string) *conversation.Thread {
	t := &conversation.Thread{ID: ids(doc, "id"), Object: "thread", Title: texts(doc, "title", "metadata.title"), Metadata: fields(doc, "metadata"),
		CreatedAt: seconds(doc, "created", "created_at"), UpdatedAt: seconds(doc, "updated", "updated_at", "metadata.updated_at")}
	if t.ID == "" {
		t.ID = plainID(folder)
	}
	t.CreatedAt = firstOf(t.CreatedAt, stampTime(t.ID), ulidTime(t.ID))
	for _, a := range doc.Get("assistants").Array() {
		if a.IsObject() {
			t.Assistants = append(t.Assistants, threadAssistant(a))
		}
	}
	if model := threadModel(doc.Get("model")); model != nil { // from 0.6 on: what the thread used last
		if len(t.Assistants) == 0 {
			t.Assistants = []conversation.ThreadAssistant{{}}
		}
		if t.Assistants[0].Model == nil {
			t.Assistants[0].Model = &conversation.ThreadModel{}
		}
		t.Assistants[0].Model.ID, t.Assistants[0].Model.Engine = model.ID, model.Engine
	}
	return t
}

func threadAssistant(doc gjson.Result) conversation.ThreadAssistant {
	a := conversation.ThreadAssistant{AssistantID: ids(doc, "assistant_id", "id"), AssistantName: texts(doc, "assistant_name", "name"),
		Instructions: optional(doc, "instructions"), Model: threadModel(doc.Get("model"))}
	if parameters := fields(doc, "parameters"); parameters != nil { // from 0.6 on
		if a.Model == nil {
			a.Model = &conversation.ThreadModel{}
		}
		if a.Model.Parameters == nil {
			a.Model.Parameters = parameters
		}
	}
	return a
}

// threadModel is nil where no model is named, as by "*".
func threadModel(doc gjson.Result) *conversation.ThreadModel {
	m := &conversation.ThreadModel{ID: texts(doc, "id"), Engine: texts(doc, "engine", "provider"), Settings: fields(doc, "settings"), Parameters: fields(doc, "parameters")}
	if m.ID == "*" {
		m.ID = ""
	}
	if m.ID == "" && m.Settings == nil && m.Parameters == nil {
		return nil
	}
	return m
}

// readAssistant reads an assistant. "*" is any model, and none of its own; of its tools
// only functions are taken.
func readAssistant(root *os.Root, dir string) (*conversation.Assistant, error) {
	doc, err := document(root, path.Join(dir, "assistant.json"))
	if err != nil {
		return nil, err
	}
	a := &conversation.Assistant{ID: ids(doc, "id"), Object: "assistant", CreatedAt: seconds(doc, "created_at", "created"),
		Name: optional(doc, "name"), Description: optional(doc, "description"), Instructions: optional(doc, "instructions"),
		Model: texts(doc, "model", "models.0.model_id", "models.0.id"), Avatar: texts(doc, "avatar"), Metadata: fields(doc, "metadata"), Parameters: fields(doc, "parameters"),
		Tools: []json.RawMessage{}}
	if a.ID == "" {
		a.ID = plainID(path.Base(dir))
	}
	if a.Model == "" || a.Model == "*" {
		a.Model, a.Models = "", []conversation.ModelID{{ID: "*"}}
	}
	for _, tool := range doc.Get("tools").Array() {
		if tool.Get("type").String() == "function" && tool.Get("function").IsObject() {
			a.Tools = append(a.Tools, json.RawMessage(tool.Raw))
		}
	}
	return a, nil
}
