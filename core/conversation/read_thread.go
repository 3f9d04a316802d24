package conversation

import (
	"encoding/json"
	"fmt"
	"slices"
)

const (
	maxTitle            = 4_096
	maxThreadAssistants = 32
	maxFirstMessages    = 10_000 // that a thread is made with
)

// ReadThread reads a thread as clients make it, with its first messages: in OpenAI's
// form (v2), or in the older one with a title and assistants. Ids and times are the
// store's. What is refused is a [FieldError].
func ReadThread(body []byte) (*Thread, []*Message, error) {
	t := &Thread{Object: "thread", Metadata: Metadata{}}
	r := read(body, "")
	r.thread(t)
	messages := r.messages("messages", maxFirstMessages)
	return t, messages, r.done()
}

// Change changes what a body names; null clears. [FieldError]: the thread must not be
// used any more.
func (t *Thread) Change(body []byte) error {
	r := read(body, "")
	r.thread(t)
	return r.done()
}

func (r *reader) thread(t *Thread) {
	r.bounded(MaxObject, "messages")
	r.metadata(&t.Metadata)
	r.toolResources(&t.ToolResources)
	r.text("title", maxTitle, &t.Title)
	if all, ok := r.list("assistants", maxThreadAssistants); ok {
		t.Assistants = nil
		for i, raw := range all {
			t.Assistants = append(t.Assistants, r.threadAssistant(raw, fmt.Sprintf("assistants[%d]", i)))
		}
	}
}

// PutAssistant changes what the thread says of an assistant, which is added where it is
// not there; null clears a field. The body names the assistant where id is empty.
// [FieldError]: the thread must not be used any more.
func (t *Thread) PutAssistant(id string, body []byte) (ThreadAssistant, error) {
	r := read(body, "")
	given := id
	r.text("assistant_id", maxName, &given)
	if id == "" {
		id = given
	}
	if id == "" || given != id {
		r.fail("assistant_id", "must be the id of the assistant")
	}
	i := slices.IndexFunc(t.Assistants, func(a ThreadAssistant) bool { return a.AssistantID == id })
	if i < 0 {
		i = len(t.Assistants)
		t.Assistants = append(t.Assistants, ThreadAssistant{AssistantID: id})
	}
	if len(t.Assistants) > maxThreadAssistants {
		r.refuse("", fmt.Sprintf("A thread has at most %d assistants.", maxThreadAssistants))
	}
	r.overThread(&t.Assistants[i])
	if data, _ := json.Marshal(t.Assistants); len(data) > MaxObject { // of what came from JSON: it cannot fail
		r.refuse("", fmt.Sprintf("The assistants of a thread may have %d bytes together.", MaxObject))
	}
	return t.Assistants[i], r.done()
}

// overThread changes what a thread says of an assistant.
func (r *reader) overThread(a *ThreadAssistant) {
	before, _ := json.Marshal(a) // of what came from JSON: it cannot fail
	all := read(before, "").fields
	for key, raw := range r.fields {
		if delete(all, key); string(raw) != "null" {
			all[key] = raw
		}
	}
	after, _ := json.Marshal(all)
	*a = r.threadAssistant(after, "")
}

// threadAssistant reads an assistant of a thread; the oldest form is its id alone.
func (r *reader) threadAssistant(raw json.RawMessage, name string) (a ThreadAssistant) {
	if name != "" && raw[0] == '"' {
		r.into(name, raw, &a.AssistantID, "the id of an assistant")
		return a
	}
	at := ""
	if name != "" {
		at = r.at + name + "."
	}
	one := read(raw, at)
	one.text("id", maxName, &a.AssistantID)
	one.text("assistant_id", maxName, &a.AssistantID)
	one.text("assistant_name", maxName, &a.AssistantName)
	one.optional("instructions", maxInstructions, &a.Instructions)
	if raw, null, ok := one.take("model"); ok && !null {
		a.Model = &ThreadModel{}
		m := one.within(raw, "model")
		m.text("id", maxModel, &a.Model.ID)
		m.text("engine", maxName, &a.Model.Engine)
		m.object("settings", &a.Model.Settings)
		m.object("parameters", &a.Model.Parameters)
		one.adopt(m)
	}
	for key, raw := range one.fields {
		if !threadAssistantKeys[key] {
			if a.More == nil {
				a.More = map[string]json.RawMessage{}
			}
			a.More[key] = raw
		}
	}
	r.adopt(one)
	return a
}

// threadAssistantKeys are those that a [ThreadAssistant] has fields for.
var threadAssistantKeys = map[string]bool{"assistant_id": true, "assistant_name": true, "instructions": true, "model": true}

// MarshalJSON implements json.Marshaler: with what else stood there.
func (a ThreadAssistant) MarshalJSON() ([]byte, error) {
	type plain ThreadAssistant // without this method
	data, err := json.Marshal(plain(a))
	if err != nil || len(a.More) == 0 {
		return data, err
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	for key, raw := range a.More {
		all[key] = raw
	}
	return json.Marshal(all)
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *ThreadAssistant) UnmarshalJSON(data []byte) error {
	type plain ThreadAssistant // without this method
	if err := json.Unmarshal(data, (*plain)(a)); err != nil {
		return err
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	for key := range threadAssistantKeys {
		delete(all, key)
	}
	if a.More = all; len(all) == 0 {
		a.More = nil
	}
	return nil
}
