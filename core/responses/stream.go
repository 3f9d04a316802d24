package responses

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"
)

// stream hands on an engine's events, each when all of it has come: a client cannot use
// half of one.
type stream struct {
	answer *Answer
	body   io.ReadCloser

	in      []byte // what has come of an event
	made    []byte // whole events
	out     []byte // what of made is still to be handed on
	err     error  // of body, once out is read
	over    bool   // the response has ended, and is stored
	closed  bool
	refusal string // of an event that says what went wrong

	last   []byte // the response, as it was told last
	pieces []*piece
	size   int
}

// piece is an item of the output, as far as it has come.
type piece struct {
	id   string
	item string // JSON
	done bool
	text strings.Builder
}

// errTooLarge ends a stream with an event that is larger than what an answer may be.
var errTooLarge = errors.New("an event is too large")

// maxEvent bounds an event, in bytes. An image may be in it.
const maxEvent = 512 << 20

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	for len(s.out) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		s.fill(p)
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	return n, nil
}

// fill reads once, into p, which is free still.
func (s *stream) fill(p []byte) {
	n, err := s.body.Read(p)
	if s.over && err != nil {
		err = io.EOF // the engine may have gone since: nothing more was wanted of it
	}
	from := max(0, len(s.in)-2) // before it no event ends
	s.in, s.made = append(s.in, p[:n]...), s.made[:0]
	rest := s.in
	for end := eventEnd(rest, from); end >= 0; end = eventEnd(rest, 0) {
		s.made = append(s.made, s.event(rest[:end])...)
		rest = rest[end:]
	}
	switch {
	case err != nil:
		s.made, s.err = append(s.made, s.event(rest)...), err
		rest = nil
	case len(rest) > maxEvent:
		rest, s.err = nil, errTooLarge
	}
	if len(rest) < len(s.in) { // else a large event would be copied at each read
		s.in = append(s.in[:0], rest...)
	}
	s.out = s.made
}

// eventEnd is where the first event ends, with the empty line after it; -1 where it has
// not come to its end. It is searched for from a place on.
func eventEnd(b []byte, from int) int {
	for i := from; i < len(b); i++ {
		if b[i] != '\n' {
			continue
		}
		switch rest := b[i+1:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return i + 2
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return i + 3
		}
	}
	return -1
}

var dataField = []byte("data:")

// event returns an event as it is handed on.
func (s *stream) event(e []byte) []byte {
	at := 0
	if !bytes.HasPrefix(e, dataField) {
		if at = bytes.Index(e, []byte("\ndata:")) + 1; at == 0 {
			return e
		}
	}
	at += len(dataField)
	end := len(e)
	if n := bytes.IndexByte(e[at:], '\n'); n >= 0 {
		end = at + n
	}
	data := bytes.TrimSpace(e[at:end])
	changed := s.data(data)
	if changed == nil {
		return e
	}
	out := append(make([]byte, 0, len(e)+len(changed)-len(data)), e[:at]...)
	out = append(append(out, ' '), changed...)
	return append(out, e[end:]...)
}

// data looks at an event's data, and returns nil where they stay as they are.
func (s *stream) data(data []byte) []byte {
	if s.over {
		return nil
	}
	// Of a stream's bytes, and not of a copy: this is done at each token. What is kept of
	// it is copied.
	got := gjson.Parse(unsafe.String(unsafe.SliceData(data), len(data)))
	kind := got.Get("type").Str
	switch kind {
	case "response.created", "response.queued", "response.in_progress", "response.completed", "response.incomplete", "response.failed":
		return s.whole(kind, data)
	case "error":
		s.refusal = strings.Clone(got.Get("message").String())
	}
	if s.answer.Save != nil {
		s.gather(kind, got)
	}
	return nil
}

// whole is an event that holds the whole response.
func (s *stream) whole(kind string, data []byte) []byte {
	response := gjson.GetBytes(data, "response")
	if !response.IsObject() || !json.Valid(data) {
		return nil
	}
	raw := []byte(response.Raw)
	switch kind {
	case "response.completed", "response.incomplete", "response.failed":
		s.over = true
		raw = s.answer.end(raw, nil)
	default:
		raw = s.answer.ours(raw, s.answer.Save != nil)
		s.last = raw
	}
	return put(data, member{"response", raw})
}

// gather keeps what has come of the items, in case that the stream is broken off.
func (s *stream) gather(kind string, data gjson.Result) {
	if s.size += len(data.Raw); s.size > 8*s.answer.Limit { // a token has some 200 bytes around it
		s.pieces = nil
		return
	}
	switch kind {
	case "response.output_item.added":
		s.add(data.Get("item"))
	case "response.output_item.done":
		item := data.Get("item")
		p := s.piece(item.Get("id").String())
		if p == nil {
			p = s.add(item)
		}
		p.item, p.done = strings.Clone(item.Raw), true
	case "response.output_text.delta":
		if p := s.piece(data.Get("item_id").String()); p != nil {
			p.text.WriteString(data.Get("delta").String())
		}
	}
}

func (s *stream) add(item gjson.Result) *piece {
	p := &piece{id: strings.Clone(item.Get("id").String()), item: strings.Clone(item.Raw)}
	s.pieces = append(s.pieces, p)
	return p
}

// piece is the item of an id; nil where none has begun.
func (s *stream) piece(id string) *piece {
	for _, p := range slices.Backward(s.pieces) { // it is the last one, nearly always
		if p.id == id {
			return p
		}
	}
	return nil
}

// Close implements io.Closer. What came of a response that has not ended is stored.
func (s *stream) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.body.Close() // before the engine goes on
	if !s.over && s.last != nil && s.answer.Save != nil {
		s.breakOff()
	}
	return err
}

// breakOff stores what has come.
func (s *stream) breakOff() {
	output := s.output()
	changes := []member{{"output", list(output)}, {"status", quoted("incomplete")}}
	switch {
	case s.refusal != "":
		changes = append(changes, member{"error", put([]byte(`{"code":"server_error"}`), member{"message", quoted(s.refusal)})})
		changes[1].value = quoted("failed")
	case s.answer.Left():
		changes = append(changes, member{"incomplete_details", []byte(`{"reason":"client_left"}`)})
	default:
		changes = append(changes, member{"incomplete_details", []byte(`{"reason":"engine_broke_off"}`)})
	}
	s.answer.end(put(s.last, changes...), output)
}

// output is what came: items that are whole, and the text of a message that is not.
func (s *stream) output() []string {
	output := []string{}
	for _, p := range s.pieces {
		switch {
		case p.done:
			output = append(output, p.item)
		case p.text.Len() > 0:
			part := put([]byte(`{"type":"output_text","annotations":[],"logprobs":[]}`), member{"text", quoted(p.text.String())})
			output = append(output, string(put([]byte(p.item), member{"status", quoted("incomplete")}, member{"content", append(append([]byte("["), part...), ']')})))
		}
	}
	return output
}

func list(items []string) []byte { return []byte("[" + strings.Join(items, ",") + "]") }

// Waits says whether the next Read waits for the engine.
func (s *stream) Waits() bool {
	w, ok := s.body.(interface{ Waits() bool })
	return !ok || w.Waits()
}
