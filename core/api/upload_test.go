package api_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/keys"
)

// part is one of a form; a file has a filename.
type part struct{ name, filename, value string }

// formOf is a form, and its content type.
func formOf(t testing.TB, parts ...part) (body, contentType string) {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for _, p := range parts {
		head := fmt.Sprintf(`form-data; name=%q`, p.name)
		if p.filename != "" {
			head += `; filename="` + p.filename + `"` // as it is: %q would double what stands in it
		}
		to, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {head}})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(to, p.value)
	}
	w.Close()
	return form.String(), w.FormDataContentType()
}

// nothingLeft insists that a refused upload is not on the disk.
func (b *bay) nothingLeft(t *testing.T) {
	t.Helper()
	var left []string
	_ = filepath.WalkDir(filepath.Join(b.home, "models"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			left = append(left, path)
		}
		return nil
	})
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUpload(t *testing.T) {
	b := newBay(t, nil)
	gguf, err := os.ReadFile(tinyGGUF)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		parts  []part
		status int
		says   string
	}{
		{"a file", []part{{"id", "", "one"}, {"file", "x.gguf", string(gguf)}}, 201, `{"id":"one","object":"model","state":"ready"`},
		{"an id with a slash", []part{{"id", "", "two/a"}, {"file", "x.gguf", string(gguf)}}, 201, `"id":"two/a"`},
		{"a name that leaves the folder", []part{{"id", "", "three"}, {"file", `..\..\..\x.gguf`, string(gguf)}}, 201, `"id":"three"`},
		{"another field's name", []part{{"id", "", "four"}, {"weights", "../../x.gguf", string(gguf)}}, 201, `"id":"four"`},
		{"an id that is taken", []part{{"id", "", "one"}, {"file", "x.gguf", string(gguf)}}, 409, "already"},
		{"an id that leaves the folder", []part{{"id", "", "../one"}, {"file", "x.gguf", string(gguf)}}, 400, "no model id"},
		{"an id twice", []part{{"id", "", "a"}, {"id", "", "b"}, {"file", "x.gguf", string(gguf)}}, 400, "stands twice"},
		{"an id too late", []part{{"file", "x.gguf", string(gguf)}, {"id", "", "late"}}, 400, "before its files"},
		{"a field that nobody knows", []part{{"ctx_len", "", "7"}, {"file", "x.gguf", string(gguf)}}, 400, "'id' and files"},
		{"no file", []part{{"id", "", "a"}}, 400, "no file"},
		{"nothing", nil, 400, "no file"},
		{"a file without a name", []part{{"id", "", "a"}, {"file", "", string(gguf)}}, 400, "no filename"},
		{"a folder's name", []part{{"id", "", "a"}, {"file", "/", string(gguf)}}, 400, "no filename"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body, kind := formOf(t, test.parts...)
			status, answer, head := b.ask("POST", "/v1/models", body, header("Content-Type", kind))
			if status != test.status || !strings.Contains(answer, test.says) {
				t.Errorf("%d %s, want %d and %q", status, answer, test.status, test.says)
			}
			if status >= 400 {
				openAIError(t, answer)
			}
			if status == 201 && !strings.HasPrefix(head.Get("Location"), "/v1/models/") || head.Get("X-Request-Id") == "" {
				t.Errorf("%v", head)
			}
		})
	}
	b.walk(t, []step{{"are there", "GET", "/v1/models?state=ready", "", 200, `"id":"one"`, ""}})
	if got, err := os.ReadFile(filepath.Join(b.home, "models", "one", "x.gguf")); err != nil || !bytes.Equal(got, gguf) {
		t.Errorf("%d bytes of %d arrived: %v", len(got), len(gguf), err)
	}
	if left, _ := os.ReadDir(filepath.Join(b.home, "models", ".staging")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// zeros are that many bytes.
func zeros(n int64) io.Reader { return io.LimitReader(zero{}, n) }

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// streamed is a form whose file, a model with zeros behind it, is made while it is sent.
func streamed(t *testing.T, id string, size int64) (body io.Reader, contentType string, length int64) {
	t.Helper()
	gguf, err := os.ReadFile(tinyGGUF)
	if err != nil {
		t.Fatal(err)
	}
	head := fmt.Sprintf("--x\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n%s\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.gguf\"\r\n\r\n", id)
	const tail = "\r\n--x--\r\n"
	return io.MultiReader(strings.NewReader(head), bytes.NewReader(gguf), zeros(size-int64(len(gguf))), strings.NewReader(tail)), "multipart/form-data; boundary=x", int64(len(head)+len(tail)) + size
}

// TestUploadTakesNoMemory: what is larger than any limit of a body goes to the disk
// as it comes.
func TestUploadTakesNoMemory(t *testing.T) {
	b := newBay(t, nil)
	const size = 200 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	for name, known := range map[string]bool{"with a length": true, "in chunks": false} {
		t.Run(name, func(t *testing.T) {
			body, kind, length := streamed(t, "big", size)
			most := &watermark{r: body}
			most.look()
			before := most.peak
			req, err := http.NewRequest("POST", b.url+"/v1/models", most)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", kind)
			if known {
				req.ContentLength = length
			}
			resp, err := b.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			answer, _ := io.ReadAll(resp.Body)
			if info, err := os.Stat(filepath.Join(b.home, "models", "big", "x.gguf")); resp.StatusCode != 201 || err != nil || info.Size() != size {
				t.Errorf("%d %s: %v", resp.StatusCode, answer, err)
			}
			if most.n != length {
				t.Errorf("%d of %d bytes were taken", most.n, length)
			}
			if grew := most.peak - min(before, most.peak); grew > 32<<20 {
				t.Errorf("%d MB of memory for an upload of %d MB", grew>>20, size>>20)
			}
			b.do("DELETE", "/v1/models/big?purge=true", "")
		})
	}
}

// watermark looks now and then how much memory there is while it is read.
type watermark struct {
	r    io.Reader
	n    int64
	peak uint64
}

func (w *watermark) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if w.n>>24 != (w.n+int64(n))>>24 {
		w.look()
	}
	w.n += int64(n)
	return n, err
}

func (w *watermark) look() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.peak = max(w.peak, m.HeapAlloc)
}

// begun opens an upload of a model, of which the first part is sent.
func (b *bay) begun(t *testing.T, headers ...string) (net.Conn, *bufio.Reader) {
	t.Helper()
	return b.begunAt(t, "/v1/models", headers...)
}

func (b *bay) begunAt(t *testing.T, path string, headers ...string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n%s\r\n\r\n", path, strings.Join(headers, "\r\n"))
	return conn, bufio.NewReader(conn)
}

const halfForm = "--x\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\nhalf\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.gguf\"\r\n\r\nGGUF"

// staged waits until a file of an upload is on the disk.
func (b *bay) staged(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if found, _ := filepath.Glob(filepath.Join(b.home, "models", ".staging", "*", "x.gguf")); len(found) > 0 {
			return
		}
	}
	t.Fatal("nothing of the upload came to the disk")
}

func TestUploadThatEndsEarly(t *testing.T) {
	b := newBay(t, nil)
	b.server.SetStall(500 * time.Millisecond)
	for _, test := range []struct {
		name, header string
		end          func(net.Conn)
		status       int // 0: nobody is there to be answered
		says         string
	}{
		{"the client leaves", "Content-Length: 1000000", func(c net.Conn) { c.Close() }, 0, ""},
		{"the client leaves, in chunks", "Transfer-Encoding: chunked", func(c net.Conn) { c.Close() }, 0, ""},
		{"the client stalls", "Content-Length: 1000000", func(net.Conn) {}, 408, "too long"},
		{"the client stalls, in chunks", "Transfer-Encoding: chunked", func(net.Conn) {}, 408, "too long"},
		{"it says that this was all", fmt.Sprintf("Content-Length: %d", len(halfForm)), func(net.Conn) {}, 400, "ends too early"},
		{"it says that this was all, in chunks", "Transfer-Encoding: chunked", func(c net.Conn) { io.WriteString(c, "0\r\n\r\n") }, 400, "ends too early"},
		{"chunks that are none", "Transfer-Encoding: chunked", func(c net.Conn) { io.WriteString(c, "nonsense\r\n") }, 400, "cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			left := strings.Count(b.log.String(), "status=499")
			conn, answers := b.begun(t, test.header)
			if strings.Contains(test.header, "chunked") {
				fmt.Fprintf(conn, "%x\r\n%s\r\n", len(halfForm), halfForm)
			} else {
				io.WriteString(conn, halfForm)
			}
			if test.status != 400 {
				b.staged(t)
			}
			test.end(conn)
			if test.status == 0 {
				b.log.wait(t, "status=499", left+1, 10*time.Second)
				b.nothingLeft(t)
				return
			}
			refused(t, answers, test.status, test.says)
			b.nothingLeft(t)
		})
	}
}

// TestUploadsEndWithTheServer: none holds it up.
func TestUploadsEndWithTheServer(t *testing.T) {
	b := newBay(t, nil)
	conn, answers := b.begun(t, "Content-Length: 1000000")
	io.WriteString(conn, halfForm)
	b.staged(t)
	b.close()
	if _, err := answers.ReadByte(); err == nil {
		t.Error("the connection goes on")
	}
	b.nothingLeft(t)
}

// TestStrangersUpload: of whom nobody knows, or whom nobody let in, nothing is taken.
func TestStrangersUpload(t *testing.T) {
	secret, _, keyed := withKeys(t, keys.Key{Name: "a"})
	b := newBay(t, nil, keyed)
	own := "Authorization: Bearer " + secret
	for _, test := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"no key", []string{"Content-Length: 100000000"}, 401},
		{"no key, asked before", []string{"Content-Length: 100000000", "Expect: 100-continue"}, 401},
		{"a wrong key", []string{"Content-Length: 100000000", "Authorization: Bearer x"}, 401},
		{"a foreign page", []string{"Content-Length: 100000000", own, "Origin: https://evil.example"}, 403},
		{"a foreign page, asked before", []string{"Content-Length: 100000000", own, "Origin: https://evil.example", "Expect: 100-continue"}, 403},
		{"a form of a foreign page", []string{"Content-Length: 100000000", own, "Sec-Fetch-Site: cross-site"}, 403},
		{"compressed", []string{"Content-Length: 100000000", own, "Content-Encoding: gzip"}, 415},
		{"no boundary", []string{"Content-Length: 100000000", own, "Content-Type: multipart/form-data"}, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn, answers := b.begun(t, test.headers...)
			if !strings.Contains(strings.Join(test.headers, ""), "Expect") {
				io.WriteString(conn, halfForm)
			}
			resp, err := http.ReadResponse(answers, nil)
			if err == nil && resp.StatusCode == 100 { // of whom has no key it would be little
				resp, err = http.ReadResponse(answers, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			if openAIError(t, string(body)); resp.StatusCode != test.status || !resp.Close {
				t.Errorf("%d %s, want %d; closes: %v", resp.StatusCode, body, test.status, resp.Close)
			}
			b.nothingLeft(t)
		})
	}
}

// TestUploadAskedBefore: a client that waits to be told to go on is told so.
func TestUploadAskedBefore(t *testing.T) {
	b := newBay(t, nil)
	body, _ := formOf(t, part{"id", "", "one"})
	conn, answers := b.begun(t, fmt.Sprintf("Content-Length: %d", len(body)), "Expect: 100-continue")
	resp, err := http.ReadResponse(answers, nil)
	if err != nil || resp.StatusCode != 100 {
		t.Fatalf("%v %v", resp, err)
	}
	io.WriteString(conn, body)
	if resp, err = http.ReadResponse(answers, nil); err != nil || resp.StatusCode != 400 {
		t.Fatalf("%v %v", resp, err)
	}
}

// TestUploadIsNoSecondRequest: what stands in a body is never taken for a request.
func TestUploadIsNoSecondRequest(t *testing.T) {
	b := newBay(t, nil)
	inner := "DELETE /v1/models/one?purge=true HTTP/1.1\r\nHost: localhost\r\n\r\n"
	conn, answers := b.begun(t, fmt.Sprintf("Content-Length: %d", len(inner)))
	io.WriteString(conn, inner)
	resp, err := http.ReadResponse(answers, nil)
	if err != nil || resp.StatusCode != 400 || !resp.Close {
		t.Fatalf("%v %v", resp, err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	if rest, err := io.ReadAll(answers); len(rest) > 0 || err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("%q %v", rest, err)
	}
	if strings.Contains(b.log.String(), "method=DELETE") {
		t.Error("the body was taken for a request")
	}
}
