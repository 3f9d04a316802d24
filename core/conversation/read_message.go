package conversation

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	maxContent = 256_000 // characters of text in a message, as at OpenAI
	maxParts   = 512
	maxFiles   = 100 // of a message
)

// ReadMessage reads a message as clients make it. Its content is a text or parts, in the
// form in which they are sent, or in that in which they are shown; files come as
// attachments, or in the older file_ids. Its id and time are the store's. What is refused
// is a [FieldError].
func ReadMessage(body []byte) (*Message, error) {
	r := read(body, "")
	m := r.message()
	return m, r.done()
}

// Change changes a message's metadata, which is all that can be changed of it.
func (m *Message) Change(body []byte) error {
	r := read(body, "")
	r.metadata(&m.Metadata)
	return r.done()
}

// messages takes a list of messages.
func (r *reader) messages(name string, most int) []*Message {
	all, _ := r.list(name, most)
	messages := make([]*Message, 0, len(all))
	for i, raw := range all {
		one := r.within(raw, fmt.Sprintf("%s[%d]", name, i))
		messages = append(messages, one.message())
		r.adopt(one)
	}
	return messages
}

// message takes a new message.
func (r *reader) message() *Message {
	m := newMessage()
	if r.oneOf("role", &m.Role, "user", "assistant"); m.Role == "" {
		r.fail("role", "is missing: user or assistant")
	}
	r.content(m)
	r.metadata(&m.Metadata)
	r.files(m)
	if len(m.Content) == 0 || len(m.Content) == 1 && m.Content[0].Text != nil && m.Content[0].Text.Value == "" {
		r.fail("content", "is missing: a text, or a list of parts")
	}
	if n := lengthOf(m.Content); n > maxContent {
		r.fail("content", "is too long: %d characters, and %d are the most", n, maxContent)
	}
	return m
}

func newMessage() *Message {
	return &Message{Object: "thread.message", Status: "completed", Content: []Part{}, Attachments: []Attachment{}, Metadata: Metadata{}}
}

// lengthOf counts the characters of the texts.
func lengthOf(parts []Part) (n int) {
	for _, p := range parts {
		if p.Text != nil {
			n += utf8.RuneCountInString(p.Text.Value)
		}
	}
	return n
}

// content takes a text, or parts.
func (r *reader) content(m *Message) {
	r.bounded(MaxMessage, "")
	raw, _, ok := r.take("content")
	if !ok {
		return
	}
	if raw[0] == '"' {
		text := newText()
		r.into("content", raw, &text.Value, "a text, or a list of parts")
		m.Content = []Part{{Type: "text", Text: text}}
		return
	}
	if raw[0] != '[' {
		r.fail("content", "must be a text, or a list of parts")
		return
	}
	all, _ := r.list("content", maxParts)
	for i, raw := range all {
		one := r.within(raw, fmt.Sprintf("content[%d]", i))
		m.Content = append(m.Content, one.part())
		r.adopt(one)
	}
}

func newText() *Text { return &Text{Annotations: []json.RawMessage{}} }

// part takes one of a message's content.
func (r *reader) part() (p Part) {
	r.text("type", 64, &p.Type)
	raw, null, ok := r.take(p.Type)
	switch p.Type {
	case "text", "image_url", "image_file", "refusal":
		if !ok || null {
			r.fail(p.Type, "is missing")
			return p
		}
	default:
		r.fail("type", "must be text, image_url or image_file, and not %.60q", p.Type)
		return p
	}
	switch inner := r.within(raw, p.Type); {
	case p.Type == "refusal":
		r.optional("refusal", maxContent, &p.Refusal)
	case p.Type == "text" && raw[0] == '"':
		p.Text = newText()
		r.into("text", raw, &p.Text.Value, "a text")
	case p.Type == "text":
		p.Text = inner.shownText()
		r.adopt(inner)
	case p.Type == "image_url":
		p.ImageURL = inner.imageURL()
		r.adopt(inner)
	default:
		p.ImageFile = &ImageFile{}
		inner.fileID(&p.ImageFile.FileID)
		inner.detail(&p.ImageFile.Detail)
		r.adopt(inner)
	}
	return p
}

// shownText takes a text as a message shows it.
func (r *reader) shownText() *Text {
	text := newText()
	if r.fields["value"] == nil {
		r.fail("value", "is missing")
	}
	r.text("value", maxBytes, &text.Value)
	if all, ok := r.list("annotations", maxParts); ok {
		text.Annotations = append(text.Annotations, all...)
	}
	return text
}

// maxBytes is for texts that are bounded by the size of the body, or elsewhere.
const maxBytes = 1 << 30

func (r *reader) imageURL() *ImageURL {
	image := &ImageURL{}
	r.text("url", maxBytes, &image.URL)
	scheme, _, _ := strings.Cut(image.URL, ":")
	switch strings.ToLower(scheme) {
	case "data", "http", "https":
	default:
		r.fail("url", "must be a data: URI with the image, or the image's web address")
	}
	r.detail(&image.Detail)
	return image
}

func (r *reader) detail(to *string) {
	if _, null, ok := r.take("detail"); ok && !null {
		r.oneOf("detail", to, "auto", "low", "high")
	}
}

// fileID takes the id of an uploaded file.
func (r *reader) fileID(to *string) {
	if r.text("file_id", maxName, to); *to == "" {
		r.fail("file_id", "is missing")
	}
}

// files takes what a message brings along.
func (r *reader) files(m *Message) {
	all, _ := r.list("attachments", maxFiles)
	for i, raw := range all {
		one, a := r.within(raw, fmt.Sprintf("attachments[%d]", i)), Attachment{}
		one.fileID(&a.FileID)
		one.tools(&a.Tools)
		r.adopt(one)
		m.Attachments = append(m.Attachments, a)
	}
	ids, _ := r.list("file_ids", maxFiles)
	for i, raw := range ids {
		var id string
		if r.into(fmt.Sprintf("file_ids[%d]", i), raw, &id, "the id of a file"); id == "" {
			r.fail(fmt.Sprintf("file_ids[%d]", i), "must be the id of a file")
		}
		m.FileIDs = append(m.FileIDs, id)
	}
}
