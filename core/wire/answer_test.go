package wire_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/wire"
)

// hear is what comes of an answer, and whether the connection was kept.
func hear(t testing.TB, pieces []string) (status int, body string, err error, kept bool) {
	t.Helper()
	closed := make(chan struct{})
	p := wire.New(func(context.Context) (net.Conn, error) { return &canned{pieces: pieces, closed: closed}, nil })
	defer p.Close()
	status, body, err = answer(context.Background(), p, "")
	select {
	case <-closed:
		return status, body, err, false
	default:
		return status, body, err, true
	}
}

// inPieces cuts a text into pieces of a size.
func inPieces(text string, size int) (pieces []string) {
	for len(text) > size {
		pieces, text = append(pieces, text[:size]), text[size:]
	}
	return append(pieces, text)
}

const (
	chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	head    = "HTTP/1.1 200 OK\r\n"
)

func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name, text string
		status     int
		body       string
		kept       bool
	}{
		{"length", head + "Content-Length: 5\r\n\r\nhello", 200, "hello", true},
		{"empty", head + "Content-Length: 0\r\n\r\n", 200, "", true},
		{"the same length twice", head + "Content-Length: 5\r\ncontent-length:5\r\n\r\nhello", 200, "hello", true},
		{"chunks", chunked + "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 200, "hello", true},
		{"chunks with leading zeros", chunked + "005\r\nhello\r\n000\r\n\r\n", 200, "hello", true},
		{"chunk extensions", chunked + "5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n", 200, "hello", true},
		{"trailers", chunked + "5\r\nhello\r\n0\r\nX: y\r\nZ: z\r\n\r\n", 200, "hello", true},
		{"line feeds alone", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", 200, "hello", true},
		{"until the end", head + "\r\nhello", 200, "hello", false},
		{"close", head + "Connection: Close\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", false},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", false},
		{"no reason", "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true},
		{"continue", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + head + "Content-Length: 5\r\n\r\nhello", 200, "hello", true},
		{"no content", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, "", true},
		{"more than was asked for", head + "Content-Length: 5\r\n\r\nhello" + ok, 200, "hello", false},
		{"a large body", head + "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000), 200, strings.Repeat("x", 100000), true},
		{"a large chunk", chunked + "186a0\r\n" + strings.Repeat("x", 100000) + "\r\n0\r\n\r\n", 200, strings.Repeat("x", 100000), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 7, 1 << 20} {
				status, body, err, kept := hear(t, inPieces(test.text, size))
				// what was not asked for is only seen when it comes along
				kept = kept && (test.kept || size == 1<<20)
				if status != test.status || body != test.body || err != nil || kept != test.kept && size == 1<<20 {
					t.Errorf("in pieces of %d: %d %.50q %v, kept %v", size, status, body, err, kept)
				}
			}
		})
	}
}

func TestMalformedAnswers(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                   "",
		"no HTTP":                   "\x00\x01\x02 garbage\r\n\r\n",
		"HTTP/2":                    "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"no status":                 "HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n",
		"a status of four digits":   "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
		"a status below 100":        "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
		"half a head":               "HTTP/1.1 200 OK\r\nContent-Le",
		"a huge head":               head + "X: " + strings.Repeat("y", 10000) + "\r\n\r\n",
		"a head without end":        strings.Repeat("HTTP/1.1 ", 10000),
		"a folded header":           head + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
		"a space before the colon":  head + "Content-Length : 5\r\n\r\nhello",
		"no name":                   head + ": x\r\nContent-Length: 0\r\n\r\n",
		"no colon":                  head + "Content-Length 0\r\n\r\n",
		"two lengths":               head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"a list of lengths":         head + "Content-Length: 5, 5\r\n\r\nhello",
		"a negative length":         head + "Content-Length: -5\r\n\r\nhello",
		"a length with a sign":      head + "Content-Length: +5\r\n\r\nhello",
		"a length beyond all":       head + "Content-Length: 99999999999999999999\r\n\r\nhello",
		"a length and chunks":       head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"chunks and a length":       head + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"another encoding":          head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"chunks of HTTP/1.0":        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a name that is none":       head + "\"X\": y\r\nContent-Length: 0\r\n\r\n",
		"a value that is none":      head + "X: \x00\r\nContent-Length: 0\r\n\r\n",
		"too short":                 head + "Content-Length: 6\r\n\r\nhello",
		"no last chunk":             chunked + "5\r\nhello\r\n",
		"half a chunk":              chunked + "5\r\nhel",
		"half an end":               chunked + "5\r\nhello\r\n0\r\n",
		"chunks with line feeds":    head + "Transfer-Encoding: chunked\r\n\r\n0\n\n",
		"a chunk without a size":    chunked + "\r\nhello\r\n0\r\n\r\n",
		"a chunk with a sign":       chunked + "-5\r\nhello\r\n0\r\n\r\n",
		"a chunk beyond all":        chunked + "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
		"a chunk that is longer":    chunked + "4\r\nhello\r\n0\r\n\r\n",
		"a chunk's line of a mile":  chunked + "5;" + strings.Repeat("x", 10000) + "\r\nhello\r\n0\r\n\r\n",
		"a trailer that is none":    chunked + "0\r\n0\r\n\r\n",
		"trailers of a mile":        chunked + "0\r\n" + strings.Repeat("X: y\r\n", 3000) + "\r\n",
		"another protocol":          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
		"nothing but announcements": strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100),
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 1 << 20} {
				if status, body, err, kept := hear(t, inPieces(text, size)); err == nil || kept {
					t.Errorf("in pieces of %d: %d %.50q, kept %v", size, status, body, kept)
				}
			}
		})
	}
}

// FuzzAnswer: whatever an engine sends, it is read as net/http reads it, or refused.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(ok), uint8(3))
	f.Add([]byte(chunked+"5;x\r\nhello\r\n0\r\nX: y\r\n\r\n"), uint8(1))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\n"+ok), uint8(0))
	f.Add([]byte(head+"\r\nhello"), uint8(9))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		status, body, err, _ := hear(t, inPieces(string(data), int(size)+1))
		if err != nil {
			return
		}
		in := bufio.NewReader(bytes.NewReader(data))
		resp, err := http.ReadResponse(in, nil)
		for err == nil && resp.StatusCode < 200 {
			resp, err = http.ReadResponse(in, nil)
		}
		if err != nil {
			t.Fatalf("net/http refuses it: %v", err)
		}
		want, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != status || string(want) != body {
			t.Errorf("%d %q, net/http reads %d %q (%v)", status, body, resp.StatusCode, want, err)
		}
	})
}
