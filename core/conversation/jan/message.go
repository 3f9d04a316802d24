package jan

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
)

// messages reads those of a thread into a conversation.
type messages struct {
	root *os.Root
	dir  string // of the thread, in the data folder
	to   *Conversation
	at   map[string]int // where a message is, by id
	line int
}

// read goes through messages.jsonl. Lines that cannot be read are noted; of two with
// one id the later counts, in the place of the first: it is the changed one.
func (m *messages) read() error {
	f, err := open(m.root, path.Join(m.dir, "messages.jsonl"), maxMessages)
	if err != nil {
		return err
	}
	defer f.Close()
	m.at = map[string]int{}
	lines := bufio.NewReaderSize(f, 64<<10)
	for {
		line, tooLong, err := readLine(lines)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		m.line++
		switch {
		case tooLong:
			m.note("it is longer than %d MB", maxLine>>20)
		case len(bytes.TrimSpace(line)) > 0:
			m.take(line)
		}
	}
}

// readLine reads a line, and passes over one that is too long without keeping it.
// io.EOF comes alone.
func readLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for some := false; ; some = true {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			line, tooLong = nil, true
		}
		if !tooLong {
			line = append(line, part...)
		}
		switch {
		case err == nil, err == io.EOF && (some || len(part) > 0):
			return line, tooLong, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, false, err
		}
	}
}

// note tells what is left out of the line that is being read.
func (m *messages) note(format string, args ...any) {
	m.to.note("messages.jsonl:%d: %s", m.line, fmt.Sprintf(format, args...))
}

// take takes a message.
func (m *messages) take(line []byte) {
	doc, err := object(line)
	if err != nil {
		m.note("%v", err)
		return
	}
	msg := m.message(doc)
	if msg == nil {
		return
	}
	if i, there := m.at[msg.ID]; there {
		m.to.Messages[i] = msg
		return
	}
	m.at[msg.ID] = len(m.to.Messages)
	m.to.Messages = append(m.to.Messages, msg)
}

// message is nil for one that has nothing to say, as an answer that never came.
func (m *messages) message(doc gjson.Result) *conversation.Message {
	msg := &conversation.Message{ID: ids(doc, "id"), Object: "thread.message", ThreadID: m.to.Thread.ID, Role: texts(doc, "role"),
		Content: []conversation.Part{}, Attachments: []conversation.Attachment{}, Metadata: fields(doc, "metadata")}
	if msg.Role != "user" && msg.Role != "assistant" && msg.Role != "system" {
		m.note("a message of the role %.40q is left out", msg.Role)
		return nil
	}
	if msg.ID == "" {
		msg.ID = fmt.Sprintf("line_%d", m.line)
	}
	if of := ids(doc, "assistant_id"); of != "" {
		msg.AssistantID = &of
	}
	if usage := doc.Get("usage"); usage.IsObject() && usage.Get("total_tokens").Exists() {
		msg.Usage = json.RawMessage(usage.Raw)
	}
	m.content(msg, doc)
	if n := len(doc.Get("attachments").Array()); n > 0 && doc.Get("attachments").IsArray() {
		m.note("%d attached files are left out", n)
	}
	if len(msg.Content) == 0 && msg.Reasoning == "" && msg.Metadata["tool_calls"] == nil {
		return nil
	}
	m.time(msg, doc)
	return msg
}

// time fills in when a message was made, and how it ended.
func (m *messages) time(msg *conversation.Message, doc gjson.Result) {
	before := m.to.Thread.CreatedAt
	if n := len(m.to.Messages); n > 0 {
		before = m.to.Messages[n-1].CreatedAt
	}
	msg.CreatedAt = firstOf(seconds(doc, "created_at", "created"), ulidTime(msg.ID), before)
	end := firstOf(seconds(doc, "completed_at", "updated"), msg.CreatedAt)
	switch texts(doc, "status") {
	case "error":
		msg.Status, msg.IncompleteDetails, msg.IncompleteAt = "incomplete", &conversation.Incomplete{Reason: "run_failed"}, &end
	case "stopped", "pending":
		msg.Status, msg.IncompleteDetails, msg.IncompleteAt = "incomplete", &conversation.Incomplete{Reason: "run_cancelled"}, &end
	default:
		msg.Status, msg.CompletedAt = "completed", &end
	}
}

// content fills in what a message says.
func (m *messages) content(msg *conversation.Message, doc gjson.Result) {
	content := doc.Get("content")
	if content.Type == gjson.String {
		m.text(msg, content.String())
	}
	var calls []any
	for _, part := range content.Array() {
		switch kind := texts(part, "type"); kind {
		case "text":
			m.text(msg, texts(part, "text.value", "text"))
			m.files(part)
		case "reasoning":
			msg.Reasoning = joined(msg.Reasoning, texts(part, "text.value", "text"))
		case "image_url":
			m.image(msg, texts(part, "image_url.url", "image_url"))
		case "image": // its file, or its data, stands in the annotations; beside the prompt
			m.text(msg, texts(part, "text.value"))
			m.image(msg, texts(part, "text.annotations.0"))
		case "pdf":
			m.text(msg, texts(part, "text.value"))
			m.files(part)
		case "tool_call":
			calls = append(calls, part.Value())
		case "":
		default:
			m.note("a part of the type %.40q is left out", kind)
		}
	}
	if len(calls) > 0 { // nobody asks a model with them again; they are kept to be read
		if msg.Metadata == nil {
			msg.Metadata = conversation.Metadata{}
		}
		msg.Metadata["tool_calls"] = calls
	}
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n\n" + b
}

// text adds a text. What a model thought stood at the front of it, up to 0.6.
func (m *messages) text(msg *conversation.Message, text string) {
	if thought, rest, ok := strings.Cut(strings.TrimLeft(text, " \n"), "</think>"); ok && msg.Role == "assistant" && strings.HasPrefix(thought, "<think>") {
		msg.Reasoning = joined(msg.Reasoning, strings.TrimSpace(strings.TrimPrefix(thought, "<think>")))
		text = strings.TrimLeft(rest, " \n")
	}
	if text != "" {
		msg.Content = append(msg.Content, conversation.Part{Type: "text", Text: &conversation.Text{Value: text, Annotations: []json.RawMessage{}}})
	}
}

// files notes the files that a part names: they are not read.
func (m *messages) files(part gjson.Result) {
	for _, name := range part.Get("text.annotations").Array() {
		if name.Type == gjson.String && name.Str != "" {
			m.note("the file %.200q is left out", path.Base(name.Str))
		}
	}
}

// image adds an image: by its address, or, where that is a file of the data folder,
// by what is in it.
func (m *messages) image(msg *conversation.Message, address string) {
	if address == "" {
		return
	}
	if !strings.HasPrefix(address, "data:") && !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") {
		data, err := m.imageFile(address)
		if err != nil {
			m.note("the image %.200q is left out: %v", path.Base(address), err)
			return
		}
		address = data
	}
	msg.Content = append(msg.Content, conversation.Part{Type: "image_url", ImageURL: &conversation.ImageURL{URL: address}})
}

// imageFile is a file of the data folder as a data: URI.
func (m *messages) imageFile(name string) (string, error) {
	name = strings.TrimPrefix(strings.ReplaceAll(name, `\`, "/"), "file://")
	if i := strings.LastIndex(name, "/threads/"); i >= 0 { // wherever the folder was then
		name = name[i+1:]
	}
	if strings.HasPrefix(name, "files/") {
		name = path.Join(m.dir, name)
	}
	f, err := open(m.root, name, maxImage)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxImage))
	if err != nil {
		return "", err
	}
	kind := http.DetectContentType(data)
	if !strings.HasPrefix(kind, "image/") {
		return "", errors.New("it is no image")
	}
	return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data), nil
}
