package conversation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// An Export is a thread with all that belongs to it, as it is written to a file and
// imported again.
type Export struct {
	Object     string       `json:"object"`  // thread.export
	Version    int          `json:"version"` // 1
	Thread     *Thread      `json:"thread"`
	Messages   []*Message   `json:"messages"`   // oldest first
	Assistants []*Assistant `json:"assistants"` // those that the thread and its messages name
}

// NewExport is one with these in it.
func NewExport(t *Thread, messages []*Message, assistants []*Assistant) *Export {
	return &Export{Object: "thread.export", Version: 1, Thread: t, Messages: append([]*Message{}, messages...), Assistants: append([]*Assistant{}, assistants...)}
}

// maxImported is how many messages an import may have.
const maxImported = 100_000

var plainID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$`)

// IsPlainID says whether something that is imported may have this id. It may then stand
// in an address as it is.
func IsPlainID(id string) bool { return plainID.MatchString(id) }

// ReadExport reads an export, of which all ids and times stay. Other programs' texts and
// metadata may be longer than those of an API's client: only the size of the body bounds
// them. What is refused is a [FieldError].
func ReadExport(body []byte) (*Export, error) {
	r, e := read(body, ""), NewExport(&Thread{Object: "thread", Metadata: Metadata{}}, nil, nil)
	var object string
	if r.text("object", 64, &object); object != e.Object {
		r.refuse("object", "This is not the export of a thread, whose object is thread.export.")
	}
	var version *float64
	if r.number("version", 0, 1e9, &version); version == nil || *version != 1 {
		r.refuse("version", "The version of this export is not 1, which is the only one that this server knows.")
	}
	r.importThread(e.Thread)
	if all, ok := r.list("messages", maxImported); ok {
		for i, raw := range all {
			e.Messages = append(e.Messages, r.importMessage(raw, fmt.Sprintf("messages[%d]", i), e.Thread))
		}
	}
	if all, ok := r.list("assistants", maxThreadAssistants); ok {
		for i, raw := range all {
			e.Assistants = append(e.Assistants, r.importAssistant(raw, fmt.Sprintf("assistants[%d]", i)))
		}
	}
	return e, r.done()
}

func (r *reader) importThread(t *Thread) {
	raw, _, _ := r.take("thread")
	if raw == nil {
		r.fail("thread", "is missing")
		return
	}
	one := r.within(raw, "thread")
	one.bounded(MaxObject, "")
	one.object("metadata", (*map[string]any)(&t.Metadata))
	delete(one.fields, "metadata") // its limits are those of clients
	one.thread(t)
	one.identity(&t.ID, &t.CreatedAt)
	one.seconds("updated_at", &t.UpdatedAt)
	if t.Metadata == nil {
		t.Metadata = Metadata{}
	}
	r.adopt(one)
}

// identity takes the id and the time that something has already.
func (r *reader) identity(id *string, made *int64) {
	r.plain("id", id)
	if *id == "" {
		r.fail("id", "is missing")
	}
	if r.fields["created_at"] == nil {
		r.fail("created_at", "is missing")
	}
	r.seconds("created_at", made)
}

// plain takes an id that something has already.
func (r *reader) plain(name string, to *string) {
	if r.text(name, maxName, to); *to != "" && !IsPlainID(*to) {
		r.fail(name, "must be an id: up to 128 letters, digits, '.', '_', '~' and '-'")
	}
}

// seconds takes a time that is not null.
func (r *reader) seconds(name string, to *int64) {
	var found *int64
	if r.time(name, &found); found != nil {
		*to = *found
	}
}

func (r *reader) importMessage(raw json.RawMessage, name string, t *Thread) *Message {
	m, one := newMessage(), r.within(raw, name)
	one.bounded(MaxObject, "content")
	if one.oneOf("role", &m.Role, "user", "assistant", "system"); m.Role == "" {
		one.fail("role", "is missing: user, assistant or system")
	}
	one.content(m)
	one.object("metadata", (*map[string]any)(&m.Metadata))
	if m.Metadata == nil {
		m.Metadata = Metadata{}
	}
	one.files(m)
	m.ThreadID, m.CreatedAt = t.ID, t.CreatedAt
	one.identity(&m.ID, &m.CreatedAt)
	one.oneOf("status", &m.Status, "completed", "incomplete", "in_progress")
	if m.Status == "in_progress" { // nobody works on it any more
		m.Status = "incomplete"
	}
	one.time("completed_at", &m.CompletedAt)
	one.time("incomplete_at", &m.IncompleteAt)
	one.identified("assistant_id", &m.AssistantID)
	one.identified("run_id", &m.RunID)
	one.text("reasoning_content", maxBytes, &m.Reasoning)
	one.any("usage", &m.Usage)
	if raw, null, ok := one.take("incomplete_details"); ok && !null {
		m.IncompleteDetails = &Incomplete{}
		details := one.within(raw, "incomplete_details")
		details.text("reason", maxName, &m.IncompleteDetails.Reason)
		one.adopt(details)
	}
	r.adopt(one)
	return m
}

// identified takes the id of something else, or null.
func (r *reader) identified(name string, to **string) {
	var id string
	if r.plain(name, &id); id != "" {
		*to = &id
	}
}

func (r *reader) importAssistant(raw json.RawMessage, name string) *Assistant {
	a, one := newAssistant(), r.within(raw, name)
	one.bounded(MaxObject, "")
	one.object("metadata", (*map[string]any)(&a.Metadata))
	if a.Metadata == nil {
		a.Metadata = Metadata{}
	}
	delete(one.fields, "metadata")
	one.assistant(a)
	one.identity(&a.ID, &a.CreatedAt)
	r.adopt(one)
	return a
}

// Markdown is the thread to be read by people, in editors and on terminals: without
// control characters, and no line of a message looks like the head of another message.
func (e *Export) Markdown() []byte {
	var b bytes.Buffer
	title := e.Thread.Title
	if title == "" {
		title = e.Thread.ID
	}
	fmt.Fprintf(&b, "# %s\n\n%s\n", oneLine(title), time.Unix(e.Thread.CreatedAt, 0).UTC().Format(time.RFC1123))
	for _, m := range e.Messages {
		fmt.Fprintf(&b, "\n## %s\n", strings.ToUpper(m.Role[:1])+m.Role[1:])
		for _, p := range m.Content {
			b.WriteString("\n" + strings.TrimRight(head.ReplaceAllString(p.markdown(), `\$0`), "\n") + "\n")
		}
		for _, id := range m.Files() {
			fmt.Fprintf(&b, "\n*Attached: %s*\n", oneLine(id))
		}
		if m.Status == "incomplete" {
			b.WriteString("\n*(broken off)*\n")
		}
	}
	return bytes.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, b.Bytes())
}

// head is a line as [Export.Markdown] puts it before a message.
var head = regexp.MustCompile(`(?mi)^#{1,2}[ \t]+(user|assistant|system)\b`)

// markdown is a part to be read; an image that lies in the message itself is only named.
func (p Part) markdown() string {
	switch {
	case p.Text != nil:
		return p.Text.Value
	case p.Refusal != nil:
		return *p.Refusal
	case p.ImageFile != nil:
		return "*Image: " + oneLine(p.ImageFile.FileID) + "*"
	case p.ImageURL != nil && !strings.HasPrefix(strings.ToLower(p.ImageURL.URL), "data:"):
		return "![image](<" + strings.NewReplacer("<", "%3C", ">", "%3E").Replace(oneLine(p.ImageURL.URL)) + ">)"
	}
	return "*Image*"
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
