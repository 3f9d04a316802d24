package metrics

import (
	"bytes"

	"github.com/tidwall/gjson"
)

// Tokens counts the tokens of an answer without decoding it: by the usage that the
// engine reports at its end (or, of an embedding, at its beginning), else by the
// number of events in a stream.
type Tokens struct {
	input, output int64  // as reported so far
	lines         int    // of a stream, ended
	tail          []byte // the last bytes of a stream
}

// Bounds of what is searched for a usage, in bytes.
const (
	usageWindow = 2 << 10
	maxTail     = 2 * usageWindow
)

var (
	usageKey = []byte(`"usage":`)
	newline  = []byte("\n")
)

// Chunk takes what a stream has sent. It is on the way of every token: it counts
// the lines, and copies some hundred bytes.
func (t *Tokens) Chunk(p []byte) {
	if t.lines == 0 {
		t.report(p[:min(len(p), usageWindow)]) // Anthropic's form has the input in the first event
	}
	t.lines += bytes.Count(p, newline)
	p = p[max(0, len(p)-usageWindow):]
	if len(t.tail)+len(p) > maxTail {
		t.tail = append(t.tail[:0], t.tail[len(t.tail)-usageWindow:]...)
	}
	t.tail = append(t.tail, p...)
}

// Done says whether the last event was OpenAI's mark of the end.
func (t *Tokens) Done() bool {
	return bytes.HasSuffix(bytes.TrimRight(t.tail, "\r\n"), []byte("data: [DONE]"))
}

// Whole takes an answer that is no stream.
func (t *Tokens) Whole(body []byte) {
	if len(body) > usageWindow {
		t.report(body[:usageWindow])
	}
	t.report(body[max(0, len(body)-usageWindow):])
}

// Count returns the tokens in and out. Without a usage, each event of a stream is
// taken for a token, but for the last two, which say that it is over. An event is a
// line and an empty one: a stream in a form with more lines reports its usage.
func (t *Tokens) Count() (input, output int) {
	t.report(t.tail)
	if t.output == 0 {
		t.output = max(0, int64(t.lines/2-2))
	}
	return int(t.input), int(t.output)
}

// report reads the last usage in a piece of an answer. Inside of a JSON text its
// key would have backslashes.
func (t *Tokens) report(piece []byte) {
	var last []byte
	for {
		_, rest, found := bytes.Cut(piece, usageKey)
		if !found {
			break
		}
		piece = bytes.TrimLeft(rest, " ")
		if len(piece) > 0 && piece[0] == '{' {
			last = piece
		}
	}
	if last == nil {
		return
	}
	gjson.ParseBytes(last).ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "prompt_tokens", "input_tokens":
			t.input = max(t.input, value.Int())
		case "completion_tokens", "output_tokens":
			t.output = max(t.output, value.Int())
		}
		return true
	})
}
