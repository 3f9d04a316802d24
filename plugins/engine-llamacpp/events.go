package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/enginebay/enginebay/sdk/openai"
)

// An editor changes the events of a stream, and makes an answer of them.
type editor interface {
	// edit writes what becomes of an event, which may be nothing.
	edit(out *bytes.Buffer, data []byte) error

	// fail writes an event for an error.
	fail(out *bytes.Buffer, r *openai.Error)

	// add takes an event for the answer.
	add(data []byte) error

	// answer is the whole one, once over says that no event is missing.
	answer() any
	over(data []byte) bool
}

// relay passes a stream on, event by event, as they come.
func relay(w http.ResponseWriter, events io.Reader, e editor) error {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	lines := bufio.NewReaderSize(events, 64<<10)
	var out bytes.Buffer
	for {
		line, err := lines.ReadBytes('\n')
		if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			if err := change(e, &out, bytes.TrimRight(data, "\r\n")); err != nil {
				return err
			}
		} else if bytes.HasPrefix(line, []byte(":")) { // a ping
			out.Write(line)
			out.WriteByte('\n')
		}
		if lines.Buffered() == 0 || err != nil {
			if _, err := w.Write(out.Bytes()); err != nil {
				return err
			}
			_ = flush()
			out.Reset()
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// change writes what becomes of an event. There is one that is "null" (b11669, a
// completion with n above 1): it ends many a client.
func change(e editor, out *bytes.Buffer, data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var said *openai.Error
	if errors.As(failure(data), &said) {
		e.fail(out, said)
		return nil
	}
	return e.edit(out, data)
}

// copyOut passes on a stream that needs no change.
func copyOut(w http.ResponseWriter, events io.Reader) error {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	buffer := make([]byte, 32<<10)
	for {
		n, err := events.Read(buffer)
		if _, err := w.Write(buffer[:n]); err != nil {
			return err
		}
		_ = flush()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// collect reads a stream to its end and writes the answer. One that breaks off
// before is an error.
func collect(w http.ResponseWriter, events io.Reader, e editor) error {
	lines := bufio.NewReaderSize(events, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return errors.Join(io.ErrUnexpectedEOF, err)
		}
		data, ok := bytes.CutPrefix(bytes.TrimRight(line, "\r\n"), []byte("data: "))
		if !ok {
			continue
		}
		if failed := failure(data); failed != nil {
			return failed
		}
		if string(data) != "[DONE]" && string(data) != "null" {
			if err := e.add(data); err != nil {
				return err
			}
		}
		if e.over(data) {
			break
		}
	}
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(e.answer())
}

// failure is the error that llama-server sent in a stream, or nil.
func failure(data []byte) error {
	if !bytes.HasPrefix(data, []byte(`{"error":`)) && !bytes.HasPrefix(data, []byte(`{"code":`)) {
		return nil
	}
	var said struct {
		Code  int
		Error struct{ Code int }
	}
	_ = json.Unmarshal(data, &said) // without a number it is a fault of the server
	status := said.Code + said.Error.Code
	if status < 400 || status > 599 {
		status = http.StatusInternalServerError
	}
	return meant(status, data)
}

// send writes an event.
func send(out *bytes.Buffer, data []byte) {
	out.WriteString("data: ")
	out.Write(data)
	out.WriteString("\n\n")
}

// decode reads an event, its numbers as they are written.
func decode(data []byte) (map[string]any, error) {
	var event map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return event, dec.Decode(&event)
}

// encode writes what decode has read.
func encode(event any) []byte {
	data, _ := json.Marshal(event) // of what came from JSON: it cannot fail
	return data
}
