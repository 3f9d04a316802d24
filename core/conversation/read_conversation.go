package conversation

import "encoding/json"

// maxItems is how many items a request may add to a conversation, as at OpenAI.
const maxItems = 20

// ReadConversation reads a conversation as clients make it, with its first items, as
// they were sent. What is refused is a [FieldError].
func ReadConversation(body []byte) (*Conversation, []json.RawMessage, error) {
	c := &Conversation{Object: "conversation", Metadata: Metadata{}}
	r := read(body, "")
	r.metadata(&c.Metadata)
	items, _ := r.list("items", maxItems)
	return c, items, r.done()
}

// Change changes what a body names; null clears. [FieldError]: the conversation must
// not be used any more.
func (c *Conversation) Change(body []byte) error {
	r := read(body, "")
	r.metadata(&c.Metadata)
	return r.done()
}

// ReadItems reads the items that are to be added to a conversation, as they were sent.
// What is refused is a [FieldError].
func ReadItems(body []byte) ([]json.RawMessage, error) {
	r := read(body, "")
	items, ok := r.list("items", maxItems)
	if !ok || len(items) == 0 {
		r.fail("items", "must be a list of 1 to %d items", maxItems)
	}
	return items, r.done()
}
