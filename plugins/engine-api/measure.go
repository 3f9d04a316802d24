package main

import (
	"io"
	"net/http"
)

// measured reads an answer that is to be taken apart here, and ends it with an error
// where it would take more memory than an answer can be worth: a few bytes of JSON become a
// hundred in memory, so the marks that begin a value are counted too.
type measured struct {
	io.ReadCloser
	left  int  // bytes of all
	event int  // bytes of one event; 0: there are none
	marks int  // of one event, or of all
	blank bool // nothing stands yet in the line

	size, begun int
}

const (
	maxMarks      = 1 << 18 // of an event
	documentMarks = 1 << 20 // of an answer at once: a hundred embeddings have a third of that
)

// maxEvent bounds one event of a stream, in bytes.
const maxEvent = 8 << 20

// bounded is a stream of events. These say little in many bytes.
func bounded(body io.ReadCloser, event int) io.ReadCloser {
	return &measured{ReadCloser: body, left: 4 * maxAnswer, event: event, marks: maxMarks}
}

// atOnce is an answer that comes as a whole.
func atOnce(body io.ReadCloser, most int) io.ReadCloser {
	return &measured{ReadCloser: body, left: most, marks: documentMarks}
}

// Read implements io.Reader.
func (m *measured) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	m.left -= n
	for _, c := range p[:n] {
		switch m.size++; c {
		case '\n':
			if m.blank && m.event > 0 {
				m.size, m.begun = 0, 0
			}
			m.blank = true
			continue
		case '\r':
			continue
		case '{', '[', ',':
			m.begun++
		}
		m.blank = false
	}
	if m.left < 0 || m.begun > m.marks || m.event > 0 && m.size > m.event {
		return 0, failed(http.StatusBadGateway, "upstream_broken", "The answer is larger than an answer can be")
	}
	return n, err
}
