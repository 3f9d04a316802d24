package runs_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
)

// a one-pixel PNG, without which the first bytes would be no image.
const pixel = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"

// file puts one into the store, and returns its id.
func (b *bay) file(name, content string) string {
	b.Helper()
	f := &conversation.File{Filename: name, Purpose: "assistants"}
	if err := b.store.CreateFile(b.Context(), anyone, f, strings.NewReader(content)); err != nil {
		b.Fatal(err)
	}
	return f.ID
}

// TestAttachments: what a model is shown of the files of a message.
func TestAttachments(t *testing.T) {
	b := newBay(t)
	notes, empty, bom := b.file("notes.txt", "Pandas\neat bamboo.\n"), b.file("empty.txt", ""), b.file("bom.md", "\ufeff# Title")
	pdf, latin, large := b.file("a.pdf", "%PDF-1.7\x00\x01"), b.file("latin.txt", "caf\xe9"), b.file("large.txt", strings.Repeat("x", 1<<20+1))
	png, page := b.file("dot.png", pixel), b.file("dot.jpg", "<html>")
	huge := b.file("huge.png", pixel+strings.Repeat("x", 20<<20))
	gone := b.file("gone.txt", "x")
	if err := b.store.DeleteFile(b.Context(), anyone, gone); err != nil {
		t.Fatal(err)
	}
	attached := func(ids ...string) (list []conversation.Attachment) {
		for _, id := range ids {
			list = append(list, conversation.Attachment{FileID: id})
		}
		return list
	}
	text := conversation.Part{Type: "text", Text: &conversation.Text{Value: "Who?"}}
	image := func(id string) conversation.Part {
		return conversation.Part{Type: "image_file", ImageFile: &conversation.ImageFile{FileID: id, Detail: "low"}}
	}
	at := func(url string) conversation.Part {
		return conversation.Part{Type: "image_url", ImageURL: &conversation.ImageURL{URL: url}}
	}
	inline := "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte(pixel))
	const shownNotes = "<file name=\"notes.txt\">\nPandas\neat bamboo.\n</file>\n"
	tests := map[string]struct {
		message conversation.Message
		want    string   // a text, or JSON of parts
		ignored []string // what each sentence says
	}{
		"a text":           {conversation.Message{Attachments: attached(notes)}, shownNotes + "\nWho?", nil},
		"of the older API": {conversation.Message{FileIDs: []string{notes}}, shownNotes + "\nWho?", nil},
		"twice":            {conversation.Message{FileIDs: []string{notes}, Attachments: attached(notes, notes)}, shownNotes + "\nWho?", nil},
		"several, in order": {conversation.Message{Attachments: attached(bom, empty)},
			"<file name=\"bom.md\">\n# Title\n</file>\n\n<file name=\"empty.txt\">\n\n</file>\n\nWho?", nil},
		"a PDF":         {conversation.Message{Attachments: attached(pdf)}, "Who?", []string{"'a.pdf' (" + pdf + ") is not shown to the model: it is no text"}},
		"no UTF-8":      {conversation.Message{Attachments: attached(latin)}, "Who?", []string{"'latin.txt'"}},
		"too large":     {conversation.Message{Attachments: attached(large, notes)}, shownNotes + "\nWho?", []string{"1024 KiB is the limit"}},
		"gone, or none": {conversation.Message{Attachments: attached(gone, "file-none")}, "Who?", []string{gone + "' is not shown to the model: it is not there", "file-none"}},
		"an image": {conversation.Message{Content: []conversation.Part{image(png)}},
			`[{"text":"Who?","type":"text"},{"image_url":{"detail":"low","url":"` + inline + `"},"type":"image_url"}]`, nil},
		"an image in the message": {conversation.Message{Content: []conversation.Part{at(inline)}},
			`[{"text":"Who?","type":"text"},{"image_url":{"url":"` + inline + `"},"type":"image_url"}]`, nil},
		"an image of the web, and a text": {conversation.Message{Content: []conversation.Part{at("https://example.com/x.png")}, Attachments: attached(empty)},
			`[{"text":"\u003cfile name=\"empty.txt\"\u003e\n\n\u003c/file\u003e\n","type":"text"},{"text":"Who?","type":"text"},{"image_url":{"url":"https://example.com/x.png"},"type":"image_url"}]`, nil},
		"an image that is none":      {conversation.Message{Content: []conversation.Part{image(page)}}, "Who?", []string{"no image"}},
		"an image that is too large": {conversation.Message{Content: []conversation.Part{image(huge)}}, "Who?", []string{"20480 KiB"}},
		"an image of this machine":   {conversation.Message{Content: []conversation.Part{at("file:///etc/passwd")}}, "Who?", []string{"neither a data: URI"}},
		"an image that is attached":  {conversation.Message{Attachments: attached(png)}, "Who?", []string{"no text"}},
		"an image of the model's":    {conversation.Message{Role: "assistant", Content: []conversation.Part{image(png)}}, "Who?", []string{"its role is assistant"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := test.message
			if m.Role == "" {
				m.Role = "user"
			}
			m.Status, m.Content = "completed", append([]conversation.Part{text}, m.Content...)
			thread := &conversation.Thread{}
			if err := b.store.CreateThread(t.Context(), anyone, thread, &m, message("user", "Well?")); err != nil {
				t.Fatal(err)
			}
			run := b.run(thread.ID, `{"model": "echo"}`)
			asked := b.engine.requests()
			content := asked[len(asked)-1].Get("messages.0.content")
			got := content.Raw
			if content.Type == gjson.String {
				got = content.Str
			}
			same(t, "content", got, test.want)
			if len(run.Ignored) != len(test.ignored) {
				t.Fatalf("ignored: %q", run.Ignored)
			}
			for i, says := range test.ignored {
				if !strings.Contains(run.Ignored[i], says) {
					t.Errorf("ignored: %q, want %q", run.Ignored[i], says)
				}
			}
		})
	}
}

// TestAttachmentsOfOthers: a message names a file of another owner in vain.
func TestAttachmentsOfOthers(t *testing.T) {
	b := newBay(t)
	id := b.file("secret.txt", "the secret") // of who shows no key
	anna := conversation.Owner{ID: "key_anna"}
	thread := &conversation.Thread{}
	m := message("user", "What does it say?")
	m.FileIDs = []string{id}
	if err := b.store.CreateThread(t.Context(), anna, thread, m); err != nil {
		t.Fatal(err)
	}
	req := b.request(thread.ID, `{"model": "echo"}`)
	req.Owner = anna
	run, _, err := b.runner.Create(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	run = b.settled(run)
	if asked := fmt.Sprint(b.engine.requests()); strings.Contains(asked, "the secret") || len(run.Ignored) != 1 {
		t.Errorf("%s; ignored: %q", asked, run.Ignored)
	}
}

// TestAttachmentsTogether: what a run is shown is bounded, and the newest comes first.
func TestAttachmentsTogether(t *testing.T) {
	b := newBay(t)
	thread := &conversation.Thread{}
	var messages []*conversation.Message
	var ids []string
	for i := range 3 {
		ids = append(ids, b.file(fmt.Sprintf("%d.png", i), pixel+strings.Repeat("x", 19<<20)))
		m := message("user", fmt.Sprint("image ", i))
		m.Content = append(m.Content, conversation.Part{Type: "image_file", ImageFile: &conversation.ImageFile{FileID: ids[i]}})
		messages = append(messages, m)
	}
	if err := b.store.CreateThread(t.Context(), anyone, thread, messages...); err != nil {
		t.Fatal(err)
	}
	run := b.run(thread.ID, `{"model": "echo"}`)
	same(t, "images of the newest", b.engine.requests()[0].Get("messages.#.content.#").Raw, "[2,2]")
	if len(run.Ignored) != 1 || !strings.Contains(run.Ignored[0], ids[0]) {
		t.Errorf("ignored: %q", run.Ignored)
	}
}
