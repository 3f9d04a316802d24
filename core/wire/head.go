package wire

import (
	"bytes"
	"errors"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// head is the head of an answer.
type head struct {
	status  int
	text    string // "200 OK"
	header  http.Header
	values  []string // of the header
	length  int64    // of the body; -1 where only its end shows it
	chunked bool
	close   bool // no further request on this connection
}

func malformed(what string) error { return errors.New("the engine's answer is no HTTP: " + what) }

// endOfHead is the length of a head with the empty line that ends it, 0 while it
// has not come.
func endOfHead(b []byte) int {
	for i := 0; ; {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return 0
		}
		i += n + 1
		switch rest := b[i:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return i + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return i + 2
		}
	}
}

// parse reads a head. Whatever two readers could take for two different answers
// is refused: a wrong length would give one client the answer of another.
func parse(raw []byte) (head, error) {
	all := string(raw) // one copy, which the values are parts of
	line, rest := cutLine(all)
	h := head{length: -1, header: make(http.Header, 4), values: make([]string, 0, 4)}
	version, reason, _ := strings.Cut(line, " ")
	if version != "HTTP/1.1" && version != "HTTP/1.0" {
		return h, malformed("it begins with " + strconv.Quote(line[:min(len(line), 40)]))
	}
	h.text, h.close = reason, version == "HTTP/1.0"
	code, _, _ := strings.Cut(reason, " ")
	status, err := strconv.ParseUint(code, 10, 16)
	if err != nil || len(code) != 3 || status < 100 {
		return h, malformed("its status is " + strconv.Quote(code))
	}
	h.status = int(status)
	for rest != "" {
		if line, rest = cutLine(rest); line == "" {
			break
		}
		if err := h.add(line); err != nil {
			return h, err
		}
	}
	if h.chunked && version == "HTTP/1.0" {
		return h, malformed("HTTP/1.0 has no chunks")
	}
	if h.status < 200 || h.status == http.StatusNoContent || h.status == http.StatusNotModified {
		h.length, h.chunked = 0, false
	}
	return h, nil
}

func cutLine(s string) (line, rest string) {
	line, rest, _ = strings.Cut(s, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

// field reads a header line.
func field(line string) (name, value string, err error) {
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" || !all(name, token) || !all(value, text) {
		return "", "", malformed("a header is " + strconv.Quote(line[:min(len(line), 40)]))
	}
	return textproto.CanonicalMIMEHeaderKey(name), strings.Trim(value, " \t"), nil
}

// add takes one header line.
func (h *head) add(line string) error {
	name, value, err := field(line)
	if err != nil {
		return err
	}
	switch name { // what says where the body ends is no matter of whoever reads it
	case "Content-Length":
		n, err := strconv.ParseUint(value, 10, 62) // takes no sign
		if err != nil || h.chunked || h.length >= 0 && h.length != int64(n) {
			return malformed("its Content-Length is " + strconv.Quote(value))
		}
		h.length = int64(n)
	case "Transfer-Encoding":
		if h.chunked || h.length >= 0 || !strings.EqualFold(value, "chunked") {
			return malformed("its Transfer-Encoding is " + strconv.Quote(value))
		}
		h.chunked = true
	case "Connection":
		h.close = h.close || strings.Contains(strings.ToLower(value), "close")
	case "Keep-Alive":
	default:
		h.keep(name, value)
	}
	return nil
}

// keep stores a header; nearly always its one value takes no memory of its own.
func (h *head) keep(name, value string) {
	if h.header[name] != nil {
		h.header[name] = append(h.header[name], value)
		return
	}
	h.values = append(h.values, value)
	h.header[name] = h.values[len(h.values)-1 : len(h.values) : len(h.values)]
}

// kinds say of each byte where it can stand.
var kinds [256]byte

const (
	token = 1 << iota // in a header's name (RFC 9110, 5.6.2)
	text              // in its value
)

func init() {
	for b := range kinds {
		if b >= ' ' && b != 0x7f || b == '\t' {
			kinds[b] |= text
		}
		if b > ' ' && b < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, rune(b)) {
			kinds[b] |= token
		}
	}
}

func all(s string, kind byte) bool {
	for i := range len(s) {
		if kinds[s[i]]&kind == 0 {
			return false
		}
	}
	return true
}
