package main

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/tidwall/gjson"
)

// buffers are what answers are copied through.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// relay passes an answer on as it comes. Its head goes with the first byte of its
// body, so that until then another service can be asked, or an error can be told.
func (u *upstream) relay(w http.ResponseWriter, resp *http.Response, to io.Writer) error {
	kind, err := u.kindOfAnswer(resp)
	if err != nil {
		return err
	}
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	n, err := first(resp.Body, buf[:])
	if err != nil && err != io.EOF {
		return err
	}
	if begun := bytes.TrimPrefix(bytes.TrimLeft(buf[:n], "\r\n "), data); isError(begun) {
		return u.saidLate(resp, begun)
	}
	w.Header().Set("Content-Type", kind)
	if id := requestID(resp.Header); id != "" {
		w.Header().Set("X-Upstream-Request-Id", id)
	}
	streams := strings.HasPrefix(kind, "text/event-stream")
	if !streams && resp.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	w.WriteHeader(resp.StatusCode)
	control := http.NewResponseController(w)
	for ; ; n, err = resp.Body.Read(buf[:]) {
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
			if streams {
				_ = control.Flush() // where it fails, the next write does
			}
		}
		if err == io.EOF {
			if c, held := to.(*counter); held {
				return c.flush()
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// isError says whether an answer begins with an error: some services find out that they
// cannot answer when they have said already that they can.
func isError(begun []byte) bool {
	begun = bytes.TrimLeft(begun, " ")
	return bytes.HasPrefix(begun, []byte(`{"error":{`)) || bytes.HasPrefix(begun, []byte(`{"error": {`)) || bytes.HasPrefix(begun, []byte(`{"error":"`))
}

// saidLate makes a fault of an answer that is one in spite of its status.
func (u *upstream) saidLate(resp *http.Response, begun []byte) error {
	rest, _ := io.ReadAll(io.LimitReader(resp.Body, maxError)) // half of it may say enough
	text, _, _ := bytes.Cut(append(bytes.Clone(begun), rest...), []byte("\n\n"))
	status := http.StatusBadGateway
	if code := gjson.GetBytes(text, "error.code"); code.Type == gjson.Number && code.Int() >= 400 && code.Int() < 600 {
		status = int(code.Int())
	}
	return u.said(status, resp.Header, bytes.TrimSpace(text))
}

// first waits for something of a body.
func first(body io.Reader, p []byte) (n int, err error) {
	for n == 0 && err == nil {
		n, err = body.Read(p)
	}
	return n, err
}

// kindOfAnswer is the type of an answer, where it is one that a service has: a web
// page is that of a login or a proxy.
func (u *upstream) kindOfAnswer(resp *http.Response) (string, error) {
	written := resp.Header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(written)
	switch {
	case written == "":
		return "application/json", nil
	case err != nil || kind == "text/html" || kind == "application/xhtml+xml":
		return "", failed(http.StatusBadGateway, "upstream_broken", "%s answers with a web page, perhaps of a login or a proxy; check base_url in engines/%s.json", u.row.name, u.account.id)
	}
	return written, nil
}

// streams looks whether an answer is a stream of events, for the dialects that read
// these, and hands on the service's name of the request.
func (u *upstream) streams(w http.ResponseWriter, resp *http.Response) error {
	kind, err := u.kindOfAnswer(resp)
	if err != nil {
		return err
	}
	if id := requestID(resp.Header); id != "" {
		w.Header().Set("X-Upstream-Request-Id", id)
	}
	if !strings.HasPrefix(kind, "text/event-stream") {
		return failed(http.StatusBadGateway, "upstream_broken", "%s answers with %.60q, and not with a stream of events; check base_url in engines/%s.json", u.row.name, kind, u.account.id)
	}
	return nil
}

// counter passes a stream on for which the plugin, and not the client, asked for a
// usage: the event that has it becomes a comment, which clients pass over and the
// core counts, and the other events lose the null that announces it.
type counter struct {
	w       io.Writer
	line    []byte // that has not ended yet
	swallow bool   // the empty line after the usage: some clients take it for an event
	out     bytes.Buffer
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	c.out.Reset()
	for rest := p; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			if len(c.line) > maxLine { // no event of a token: it goes as it is
				c.out.Write(c.line)
				c.line = c.line[:0]
			}
			c.line = append(c.line, rest...)
			break
		}
		line := rest[:end+1]
		if len(c.line) > 0 {
			c.line = append(c.line, line...)
			line = c.line
		}
		c.put(line)
		c.line, rest = c.line[:0], rest[end+1:]
	}
	_, err := c.w.Write(c.out.Bytes())
	return len(p), err
}

// flush sends what is left of a stream that ended within a line.
func (c *counter) flush() error {
	_, err := c.w.Write(c.line)
	c.line = nil
	return err
}

// maxLine bounds what is held back of a line, in bytes.
const maxLine = 1 << 20

var (
	data   = []byte("data:")
	empty  = [][]byte{[]byte(`"choices":[]`), []byte(`"choices": []`)}
	usage  = []byte(`"usage":`)
	absent = [][]byte{[]byte(`,"usage":null`), []byte(`, "usage": null`)}
)

func (c *counter) put(line []byte) {
	switch {
	case len(bytes.TrimRight(line, "\r\n")) == 0 && c.swallow:
		c.swallow = false
	case bytes.HasPrefix(line, data) && (bytes.Contains(line, empty[0]) || bytes.Contains(line, empty[1])) && bytes.Contains(line, usage):
		c.out.WriteByte(':')
		c.out.Write(line[len(data):])
		c.swallow = true
	default:
		for _, null := range absent { // in a text its quotes would be escaped
			if at := bytes.Index(line, null); at >= 0 {
				c.out.Write(line[:at])
				line = line[at+len(null):]
			}
		}
		c.out.Write(line)
	}
}
