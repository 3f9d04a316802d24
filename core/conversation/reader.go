package conversation

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// A reader takes the fields of an object that a client sent, one after the other, and
// keeps the first fault. Names are exact, unlike the standard library's; fields that
// nobody takes are ignored. A field that is not there changes nothing, one that is null
// clears. What is taken is a copy.
type reader struct {
	at     string // where the object stands in the body, as in "messages[0]."
	fields map[string]json.RawMessage
	err    *FieldError
}

// read begins with an object; an empty body is one without fields.
func read(body []byte, at string) *reader {
	r := &reader{at: at, fields: map[string]json.RawMessage{}}
	if len(bytes.TrimSpace(body)) == 0 {
		return r
	}
	name := "The body"
	if at != "" {
		name = at[:len(at)-1]
	}
	if !utf8.Valid(body) { // PostgreSQL takes no such text
		r.err = &FieldError{Param: at, Message: name + " is not UTF-8."}
		return r
	}
	if wrong := r.split(body); wrong != "" {
		r.err = &FieldError{Param: at, Message: name + " " + wrong + "."}
		if at != "" {
			r.err.Param = name
		}
	}
	return r
}

// split finds the fields. The decoder bounds the depth of what it reads.
func (r *reader) split(body []byte) (wrong string) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if start, err := dec.Token(); err != nil {
		return "is not valid JSON"
	} else if start != json.Delim('{') {
		return "must be a JSON object"
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return "is not valid JSON"
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return "is not valid JSON"
		}
		key, _ := name.(string) // the decoder takes nothing else here
		if r.fields[key] != nil {
			return fmt.Sprintf("has the field %.60q twice", key)
		}
		if len(r.fields) == maxFields {
			return fmt.Sprintf("has too many fields: %d are the most", maxFields)
		}
		r.fields[key] = value
	}
	if _, err := dec.Token(); err != nil || len(bytes.TrimSpace(body[dec.InputOffset():])) > 0 {
		return "is not valid JSON"
	}
	return ""
}

// Fields are those of a JSON object that a client sent, of which there is a bounded number.
// What is refused is a [FieldError].
func Fields(body []byte) (map[string]json.RawMessage, error) {
	r := read(body, "")
	return r.fields, r.done()
}

// Elements are those of a list in a field of that name, of which there may be so many.
// What is refused is a [FieldError].
func Elements(name string, raw json.RawMessage, most int) ([]json.RawMessage, error) {
	r := &reader{fields: map[string]json.RawMessage{name: raw}}
	all, _ := r.list(name, most)
	return all, r.done()
}

// done is the first fault, or nil.
func (r *reader) done() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// fail keeps a fault of a field; what is wrong goes on from its name.
func (r *reader) fail(name, wrong string, args ...any) {
	if r.err == nil {
		r.err = &FieldError{Param: r.at + name, Message: r.at + name + " " + fmt.Sprintf(wrong, args...) + "."}
	}
}

// refuse keeps a fault that has a sentence of its own.
func (r *reader) refuse(name, sentence string) {
	if r.err == nil {
		r.err = &FieldError{Param: r.at + name, Message: sentence}
	}
}

// within reads an object in a field, or in a list of one; fault brings its fault here.
func (r *reader) within(raw json.RawMessage, name string) *reader { return read(raw, r.at+name+".") }

func (r *reader) adopt(inner *reader) {
	if r.err == nil {
		r.err = inner.err
	}
}

// take returns a field. ok is false where it is not there, or where a fault came before
// it; null is true where it is null.
func (r *reader) take(name string) (raw json.RawMessage, null, ok bool) {
	raw, ok = r.fields[name]
	return raw, string(raw) == "null", ok && r.err == nil
}

// into decodes a field's value, which must be what is said.
func (r *reader) into(name string, raw json.RawMessage, value any, what string, args ...any) bool {
	if err := json.Unmarshal(raw, value); err != nil {
		r.fail(name, "must be "+what, args...)
		return false
	}
	return true
}

// text takes a text of at most so many characters; null is the empty one.
func (r *reader) text(name string, most int, to *string) {
	var found *string
	if r.optional(name, most, &found); r.err != nil || r.fields[name] == nil {
		return
	}
	*to = ""
	if found != nil {
		*to = *found
	}
}

// optional takes a text of at most so many characters, or null.
func (r *reader) optional(name string, most int, to **string) {
	raw, null, ok := r.take(name)
	if !ok {
		return
	}
	if null {
		*to = nil
		return
	}
	var found string
	if !r.into(name, raw, &found, "a text") {
		return
	}
	if n := utf8.RuneCountInString(found); n > most {
		r.fail(name, "is too long: %d characters, and %d are the most", n, most)
		return
	}
	*to = &found
}

// oneOf takes a text out of a few; where it is not there, it stays as it is.
func (r *reader) oneOf(name string, to *string, known ...string) {
	found := *to
	r.text(name, 64, &found)
	if _, _, ok := r.take(name); ok && !slices.Contains(known, found) {
		r.fail(name, "must be %s", strings.Join(known, " or "))
		return
	}
	*to = found
}

// number takes a number between two, or null.
func (r *reader) number(name string, least, most float64, to **float64) {
	raw, null, ok := r.take(name)
	if !ok {
		return
	}
	if null {
		*to = nil
		return
	}
	var found float64
	if r.into(name, raw, &found, "a number from %g to %g", least, most) && (found < least || found > most) {
		r.fail(name, "must be a number from %g to %g", least, most)
	}
	*to = &found
}

// time takes Unix seconds, or null.
func (r *reader) time(name string, to **int64) {
	raw, null, ok := r.take(name)
	if !ok {
		return
	}
	if null {
		*to = nil
		return
	}
	var found int64
	if r.into(name, raw, &found, "a time in Unix seconds") && (found < 0 || found > lastSecond) {
		r.fail(name, "must be a time in Unix seconds")
	}
	*to = &found
}

// any takes whatever JSON there is, as it stands; null is nil.
func (r *reader) any(name string, to *json.RawMessage) {
	raw, null, ok := r.take(name)
	switch {
	case ok && null:
		*to = nil
	case ok:
		*to = raw
	}
}

// object takes a JSON object; null is nil.
func (r *reader) object(name string, to *map[string]any) {
	if raw, _, ok := r.take(name); ok {
		*to = nil
		r.into(name, raw, to, "a JSON object")
	}
}

// list takes the elements of a list of at most so many; null is the empty one. ok is
// false where there is none. A longer one is not taken apart: 30 million numbers in a
// body of 60 MB would be 3 GB of elements.
func (r *reader) list(name string, most int) (all []json.RawMessage, ok bool) {
	raw, null, ok := r.take(name)
	switch {
	case !ok:
		return nil, false
	case null:
		return nil, true
	case raw[0] != '[':
		r.fail(name, "must be a list")
		return nil, false
	}
	long := false
	gjson.ParseBytes(raw).ForEach(func(_, element gjson.Result) bool {
		if long = len(all) == most; !long {
			all = append(all, json.RawMessage(element.Raw))
		}
		return !long
	})
	if long {
		r.fail(name, "is too long: %d are the most", most)
		return nil, false
	}
	return all, true
}

// How large an object may be, in bytes, as clients send it.
const (
	MaxObject  = 4 << 20  // an assistant, or a thread without its messages: a list has a hundred of them
	MaxMessage = 20 << 20 // a message, which may have images in it
)

// bounded refuses an object whose fields, without one that is bounded by itself, are
// larger than so many bytes.
func (r *reader) bounded(most int, without string) {
	size := 0
	for name, raw := range r.fields {
		if name != without {
			size += len(name) + len(raw)
		}
	}
	if size > most {
		name := strings.TrimSuffix(r.at, ".")
		r.refuse("", fmt.Sprintf("%s is too large: %d bytes, and %d are the most.", cmp.Or(name, "The body"), size, most))
	}
}

// maxFields is how many fields an object may have that is read here.
const maxFields = 1_000

// The limits of OpenAI.
const (
	metadataPairs = 16
	metadataKey   = 64
	metadataValue = 512
	maxMetadata   = 256 << 10 // bytes: more than these can be, however they are written
)

// metadata takes what a client keeps with an object. Values that are no text are the
// older API's, and bounded all the same.
func (r *reader) metadata(to *Metadata) {
	const name = "metadata"
	found := map[string]any{}
	raw, null, ok := r.take(name)
	if !ok {
		return
	}
	if len(raw) > maxMetadata {
		r.fail(name, "is too large: %d bytes", len(raw))
		return
	}
	if !null && !r.into(name, raw, &found, "a JSON object") {
		return
	}
	if len(found) > metadataPairs {
		r.fail(name, "has too many pairs: %d, and %d are the most", len(found), metadataPairs)
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		if utf8.RuneCountInString(key) > metadataKey {
			r.fail(name, "has a key that is too long: %.80q; %d characters are the most", key, metadataKey)
		}
		if sizeOf(found[key]) > metadataValue {
			r.fail(name, "has a value that is too long: that of %.80q; %d characters are the most", key, metadataValue)
		}
	}
	*to = found
}

// sizeOf is a text's length in characters, and any other value's as JSON in bytes.
func sizeOf(value any) int {
	if text, ok := value.(string); ok {
		return utf8.RuneCountInString(text)
	}
	data, _ := json.Marshal(value) // of what came from JSON: it cannot fail
	return len(data)
}
