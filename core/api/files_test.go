package api_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/api"
	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/keys"
)

// upload posts a form to /v1/files.
func (b *bay) upload(t testing.TB, parts ...part) (status int, answer string) {
	t.Helper()
	body, kind := formOf(t, parts...)
	status, answer, _ = b.fetch(t, "POST", "/v1/files", body, header("Content-Type", kind))
	return status, answer
}

// fetch sends a request whose headers may be changed, and reads the whole answer.
func (b *bay) fetch(t testing.TB, method, path, body string, change ...func(*http.Request)) (status int, answer string, head http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if b.secret != "" {
		bearer(b.secret)(req)
	}
	for _, c := range change {
		c(req)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, string(data), resp.Header
}

// uploaded is the id of a new file.
func (b *bay) uploaded(t testing.TB, name, content string) string {
	t.Helper()
	status, answer := b.upload(t, part{"purpose", "", "assistants"}, part{"file", name, content})
	if status != http.StatusOK {
		t.Fatalf("upload: %d %s", status, answer)
	}
	return gjson.Get(answer, "id").String()
}

// content reads a file.
func (b *bay) content(t testing.TB, id string, change ...func(*http.Request)) (status int, content string, head http.Header) {
	t.Helper()
	return b.fetch(t, "GET", "/v1/files/"+id+"/content", "", change...)
}

// noFiles insists that nothing came of a refused upload.
func (b *bay) noFiles(t *testing.T) {
	t.Helper()
	if _, all := b.do("GET", "/v1/files", ""); gjson.Get(all, "data.#").Int() != 0 {
		t.Errorf("there are files: %s", all)
	}
}

func TestUploadFile(t *testing.T) {
	purpose, file := part{"purpose", "", "assistants"}, part{"file", "notes.txt", "some notes"}
	anchor, seconds := part{"expires_after[anchor]", "", "created_at"}, part{"expires_after[seconds]", "", "3600"}
	for _, test := range []struct {
		name  string
		parts []part
		says  string // of the answer, or its error; a JSON path and a value where there is a colon
	}{
		{"the purpose first", []part{purpose, file}, `"filename":"notes.txt","purpose":"assistants","status":"processed"`},
		{"the file first", []part{file, purpose}, `"bytes":10`},
		{"that goes away", []part{anchor, file, seconds, purpose}, `"expires_at":`},
		{"of nothing", []part{purpose, {"file", "empty", ""}}, `"bytes":0`},
		{"every purpose", []part{{"purpose", "", "user_data"}, file}, `"purpose":"user_data"`},
		{"a path", []part{purpose, {"file", "../../etc/passwd", "x"}}, `"filename":"passwd"`},
		{"a path of Windows", []part{purpose, {"file", `C:\temp\x.txt`, "x"}}, `"filename":"x.txt"`},
		{"another alphabet", []part{purpose, {"file", "Übung – 試験.txt", "x"}}, `"filename":"Übung – 試験.txt"`},
		{"a page", []part{purpose, {"file", "<script>.html", "<script>"}}, `script`},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBay(t, nil)
			status, answer := b.upload(t, test.parts...)
			if status != http.StatusOK || !strings.Contains(answer, test.says) || gjson.Get(answer, "object").Str != "file" || !strings.HasPrefix(gjson.Get(answer, "id").Str, "file-") {
				t.Fatalf("%d %s, want %s", status, answer, test.says)
			}
			var want string
			for _, p := range test.parts {
				if p.name == "file" {
					want = p.value
				}
			}
			if status, got, _ := b.content(t, gjson.Get(answer, "id").Str); status != 200 || got != want {
				t.Errorf("%d %q, want %q", status, got, want)
			}
			if _, shown := b.do("GET", "/v1/files/"+gjson.Get(answer, "id").Str, ""); shown != answer {
				t.Errorf("shown as %s, made as %s", shown, answer)
			}
		})
	}
}

func TestUploadFileRefused(t *testing.T) {
	b := newBay(t, nil)
	purpose, file := part{"purpose", "", "assistants"}, part{"file", "notes.txt", "some notes"}
	for _, test := range []struct {
		name        string
		parts       []part
		param, says string
	}{
		{"nothing", nil, "file", "no file"},
		{"no file", []part{purpose}, "file", "no file"},
		{"no purpose", []part{file}, "purpose", "required"},
		{"no such purpose", []part{{"purpose", "", "fun"}, file}, "purpose", "no purpose"},
		{"no such purpose, behind", []part{file, {"purpose", "", "fun"}}, "purpose", "no purpose"},
		{"the purpose twice", []part{purpose, file, purpose}, "purpose", "twice"},
		{"a long purpose", []part{{"purpose", "", strings.Repeat("a", 2000)}, file}, "purpose", "too long"},
		{"another field", []part{purpose, file, {"model", "", "m"}}, "model", "no others"},
		{"two files", []part{purpose, file, file}, "file", "two files"},
		{"a file in another field", []part{purpose, {"document", "x.txt", "x"}}, "document", "another field"},
		{"no filename", []part{purpose, {"file", "", "x"}}, "file", "no filename"},
		{"a folder's name", []part{purpose, {"file", "/", "x"}}, "file", "no filename"},
		{"this folder", []part{purpose, {"file", "a/..", "x"}}, "file", "filename"},
		{"a long filename", []part{purpose, {"file", strings.Repeat("a", 256), "x"}}, "file", "255"},
		{"a filename that is no text", []part{purpose, {"file", "a\xffb", "x"}}, "file", "UTF-8"},
		{"a filename with a control character", []part{purpose, {"file", "a\u0085b", "x"}}, "file", "control"},
		{"no time", []part{{"expires_after[anchor]", "", "created_at"}, purpose, file}, "expires_after", "not only one"},
		{"no anchor", []part{purpose, file, {"expires_after[seconds]", "", "3600"}}, "expires_after", "not only one"},
		{"too short a time", []part{{"expires_after[seconds]", "", "60"}, purpose, file}, "expires_after[seconds]", "an hour"},
		{"another anchor", []part{{"expires_after[anchor]", "", "last_used"}, purpose, file}, "expires_after[anchor]", "created_at"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, answer := b.upload(t, test.parts...)
			e := openAIError(t, answer)
			if status != http.StatusBadRequest || e.Error.Param == nil || *e.Error.Param != test.param || !strings.Contains(e.Error.Message, test.says) {
				t.Errorf("%d %s, want %s and %q", status, answer, test.param, test.says)
			}
		})
	}
	status, answer := b.do("POST", "/v1/files", `{"purpose": "assistants"}`)
	if openAIError(t, answer); status != http.StatusUnsupportedMediaType {
		t.Errorf("JSON: %d %s", status, answer)
	}
	b.noFiles(t)
}

// TestFiles walks through the life of files.
func TestFiles(t *testing.T) {
	b := newBay(t, nil)
	var ids []string
	for i := range 3 {
		ids = append(ids, b.uploaded(t, fmt.Sprintf("%d.txt", i), "x"))
	}
	status, answer := b.upload(t, part{"file", "seen.png", "x"}, part{"purpose", "", "vision"})
	if status != 200 {
		t.Fatal(answer)
	}
	b.walk(t, []step{
		{"all, the newest first", "GET", "/v1/files", "", 200, `"filename":"seen.png"`, ""},
		{"of a purpose", "GET", "/v1/files?purpose=vision", "", 200, `"has_more":false`, ""},
		{"as OpenAI's clients ask", "GET", "/v1/files?limit=10000&order=asc", "", 200, `"0.txt"`, ""},
		{"one", "GET", "/v1/files?limit=1&order=asc&after=" + ids[0], "", 200, `"1.txt"`, ""},
		{"no such purpose", "GET", "/v1/files?purpose=fun", "", 400, "no purpose", ""},
		{"too many", "GET", "/v1/files?limit=10001", "", 400, "limit", ""},
		{"after none", "GET", "/v1/files?after=file-none", "", 400, "after", ""},
		{"one that is none", "GET", "/v1/files/file-none", "", 404, "There is no file", ""},
		{"the content of none", "GET", "/v1/files/file-none/content", "", 404, "There is no file", ""},
		{"no id", "GET", "/v1/files/%00", "", 404, "There is no file", ""},
		{"delete", "DELETE", "/v1/files/" + ids[1], "", 200, `"object":"file"`, ""},
		{"delete again", "DELETE", "/v1/files/" + ids[1], "", 404, "There is no file", ""},
		{"it is gone", "GET", "/v1/files/" + ids[1] + "/content", "", 404, "", ""},
		{"the others are there", "GET", "/v1/files", "", 200, `"2.txt"`, ""},
	})
	if _, page := b.do("GET", "/v1/files?limit=2", ""); gjson.Get(page, "has_more").Bool() != true || gjson.Get(page, "data.#").Int() != 2 {
		t.Errorf("two of three: %s", page)
	}
}

// TestFileContentIsNoPage: what is in a file is for programs, and no part of this site.
func TestFileContentIsNoPage(t *testing.T) {
	b := newBay(t, nil)
	id := b.uploaded(t, `a\"; filename=evil.html`, "<script>alert(1)</script>")
	_, answer := b.do("GET", "/v1/files/"+id, "")
	status, got, head := b.content(t, id)
	if status != 200 || got != "<script>alert(1)</script>" {
		t.Fatalf("%d %s", status, got)
	}
	if head.Get("Content-Type") != "application/octet-stream" || head.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(head.Get("Content-Disposition"), "attachment;") {
		t.Errorf("%s: %v", answer, head)
	}
	id = b.uploaded(t, "Übung.txt", "x")
	if _, _, head = b.content(t, id); !strings.Contains(head.Get("Content-Disposition"), "filename*=utf-8''%C3%9Cbung.txt") {
		t.Errorf("%v", head)
	}
}

// TestFileContentParts: HEAD, and parts.
func TestFileContentParts(t *testing.T) {
	b := newBay(t, nil)
	text := strings.Repeat("0123456789", 120_000) // of three chunks
	id := b.uploaded(t, "digits.txt", text)
	size := len(text)
	for _, test := range []struct {
		asked  string
		status int
		want   string
		says   string
	}{
		{"", 200, text, ""},
		{"bytes=0-3", 206, "0123", fmt.Sprintf("bytes 0-3/%d", size)},
		{"bytes=1100001-1100003", 206, "123", fmt.Sprintf("bytes 1100001-1100003/%d", size)},
		{"bytes=-2", 206, "89", fmt.Sprintf("bytes %d-%d/%d", size-2, size-1, size)},
		{fmt.Sprintf("bytes=%d-", size-1), 206, "9", ""},
		{"bytes=524286-524290", 206, text[524286:524291], ""},
		{"bytes=-0", 416, "", ""},
		{fmt.Sprintf("bytes=%d-", size), 416, "", fmt.Sprintf("bytes */%d", size)},
		{"bytes=0-1,4-5", 200, text, ""},
		{"lines=1-2", 200, text, ""},
		{"bytes=5-2", 416, "", ""},
	} {
		t.Run(test.asked, func(t *testing.T) {
			var change []func(*http.Request)
			if test.asked != "" {
				change = append(change, header("Range", test.asked))
			}
			status, got, head := b.content(t, id, change...)
			if status == 416 {
				openAIError(t, got)
				got = ""
			}
			if status != test.status || got != test.want || test.says != "" && head.Get("Content-Range") != test.says {
				t.Errorf("%d, %d bytes, %v", status, len(got), head)
			}
		})
	}
	status, got, head := b.fetch(t, "HEAD", "/v1/files/"+id+"/content", "")
	if status != 200 || got != "" || head.Get("Content-Length") != fmt.Sprint(size) || head.Get("Accept-Ranges") != "bytes" {
		t.Errorf("HEAD: %d %q %v", status, got, head)
	}
	if status, got, _ := b.content(t, id, header("Range", "bytes=0-1"), header("If-Range", `"another"`)); status != 200 || got != text {
		t.Errorf("of another file: %d, %d bytes", status, len(got))
	}
	if status, _, _ := b.fetch(t, "GET", "/healthz", ""); status != 200 { // on the same connection
		t.Errorf("after HEAD: %d", status)
	}
}

// TestFileOwners: what one key uploads, another neither sees nor deletes.
func TestFileOwners(t *testing.T) {
	secrets, keyed := withOwners(t)
	b := newBay(t, nil, keyed)
	b.secret = secrets["a"]
	id := b.uploaded(t, "mine.txt", "x")
	paths := []step{
		{"list", "GET", "/v1/files", "", 200, `"data":[]`, ""},
		{"show", "GET", "/v1/files/" + id, "", 404, "There is no file", ""},
		{"read", "GET", "/v1/files/" + id + "/content", "", 404, "There is no file", ""},
		{"delete", "DELETE", "/v1/files/" + id, "", 404, "There is no file", ""},
		{"as a cursor", "GET", "/v1/files?after=" + id, "", 400, "There is no file", ""},
	}
	b.secret = secrets["b"]
	b.walk(t, paths)
	b.secret = secrets["admin"]
	b.walk(t, []step{
		{"an administrator sees it", "GET", "/v1/files", "", 200, id, ""},
		{"and reads it", "GET", "/v1/files/" + id + "/content", "", 200, "x", ""},
	})
	b.secret = ""
	b.walk(t, []step{{"a stranger", "GET", "/v1/files", "", 401, "API key", ""}, {"a stranger who reads", "GET", "/v1/files/" + id + "/content", "", 401, "", ""}})
	b.secret = secrets["a"]
	b.walk(t, []step{{"the owner deletes it", "DELETE", "/v1/files/" + id, "", 200, "true", ""}})
}

// withOwners makes three keys: of a, of b, and of an administrator.
func withOwners(t *testing.T) (secrets map[string]string, change func(*api.Config)) {
	t.Helper()
	secret, file, change := withKeys(t, keys.Key{Name: "a"})
	secrets = map[string]string{"a": secret}
	for _, k := range []keys.Key{{Name: "b"}, {Name: "admin", Admin: true}} {
		_, secret, err := keys.Create(file, k)
		if err != nil {
			t.Fatal(err)
		}
		secrets[k.Name] = secret
	}
	return secrets, change
}

// TestFileTakesNoMemory: a file goes to the database as it comes, and back.
func TestFileTakesNoMemory(t *testing.T) {
	b := newBay(t, nil)
	const size = 64 << 20
	const head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"big\"\r\n\r\n"
	const tail = "\r\n--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n--x--\r\n"
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	for name, known := range map[string]bool{"with a length": true, "in chunks": false} {
		t.Run(name, func(t *testing.T) {
			sum := sha256.New()
			content := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{}), size), sum)
			most := &watermark{r: io.MultiReader(strings.NewReader(head), content, strings.NewReader(tail))}
			most.look()
			before := most.peak
			req, err := http.NewRequest("POST", b.url+"/v1/files", most)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			if known {
				req.ContentLength = int64(len(head)+len(tail)) + size
			}
			resp, err := b.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			answer, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != 200 || gjson.GetBytes(answer, "bytes").Int() != size {
				t.Fatalf("%d %s", resp.StatusCode, answer)
			}
			id := gjson.GetBytes(answer, "id").Str
			resp = b.open("GET", "/v1/files/"+id+"/content", "")
			defer resp.Body.Close()
			got := sha256.New()
			back := &watermark{r: resp.Body, peak: most.peak}
			if n, err := io.Copy(got, back); n != size || err != nil || !bytes.Equal(got.Sum(nil), sum.Sum(nil)) {
				t.Errorf("%d bytes came back (%v), and they are not the same", n, err)
			}
			if grew := back.peak - min(before, back.peak); grew > size/2 {
				t.Errorf("%d MB of memory for a file of %d MB", grew>>20, size>>20)
			}
			b.do("DELETE", "/v1/files/"+id, "")
		})
	}
}

// beginFile opens an upload of a file, of which the first part is sent.
func (b *bay) beginFile(t *testing.T, headers ...string) (net.Conn, *bufio.Reader) {
	t.Helper()
	return b.begunAt(t, "/v1/files", headers...)
}

const halfFile = "--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.txt\"\r\n\r\nhalf of"

func TestFileThatEndsEarly(t *testing.T) {
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
		{"it says that this was all", fmt.Sprintf("Content-Length: %d", len(halfFile)), func(net.Conn) {}, 400, "ends too early"},
		{"it says that this was all, in chunks", "Transfer-Encoding: chunked", func(c net.Conn) { io.WriteString(c, "0\r\n\r\n") }, 400, "ends too early"},
		{"chunks that are none", "Transfer-Encoding: chunked", func(c net.Conn) { io.WriteString(c, "nonsense\r\n") }, 400, "cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			left := strings.Count(b.log.String(), "status=499")
			conn, answers := b.beginFile(t, test.header)
			if strings.Contains(test.header, "chunked") {
				fmt.Fprintf(conn, "%x\r\n%s\r\n", len(halfFile), halfFile)
			} else {
				io.WriteString(conn, halfFile)
			}
			test.end(conn)
			if test.status == 0 {
				b.log.wait(t, "status=499", left+1, 10*time.Second)
			} else {
				refused(t, answers, test.status, test.says)
			}
			b.noFiles(t)
		})
	}
}

// refused reads an error from a connection that is closed after it.
func refused(t *testing.T, answers *bufio.Reader, status int, says string) {
	t.Helper()
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	if e := openAIError(t, string(body)); resp.StatusCode != status || !strings.Contains(e.Error.Message, says) || !resp.Close {
		t.Errorf("%d %s, want %d and %q; closes: %v", resp.StatusCode, body, status, says, resp.Close)
	}
	if _, err := answers.ReadByte(); err == nil {
		t.Error("the connection goes on")
	}
}

// TestFileTooLarge: it is refused by what it says of itself, else by what came.
func TestFileTooLarge(t *testing.T) {
	b := newBay(t, nil)
	_, answers := b.beginFile(t, fmt.Sprintf("Content-Length: %d", 513<<20), "Expect: 100-continue")
	refused(t, answers, http.StatusRequestEntityTooLarge, "512 MB")
	b.server.SetMaxFile(1 << 20)
	for _, test := range []struct {
		size   int
		status int
	}{{1 << 20, 200}, {1<<20 + 1, 413}, {1<<20 + 100_000, 413}} {
		for _, known := range []bool{true, false} {
			body, kind := formOf(t, part{"file", "x", strings.Repeat("x", test.size)}, part{"purpose", "", "assistants"})
			req, err := http.NewRequest("POST", b.url+"/v1/files", struct{ io.Reader }{strings.NewReader(body)})
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", kind)
			if known {
				req.ContentLength = int64(len(body))
			}
			resp, err := b.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			answer, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != test.status {
				t.Errorf("%d bytes, length known: %v: %d %s", test.size, known, resp.StatusCode, answer)
			}
			b.do("DELETE", "/v1/files/"+gjson.GetBytes(answer, "id").Str, "")
		}
	}
	b.noFiles(t)
}

// TestFileDeletedWhileRead: the client sees that the rest is missing.
func TestFileDeletedWhileRead(t *testing.T) {
	b := newBay(t, nil)
	id := b.uploaded(t, "big", strings.Repeat("0123456789abcdef", 2<<20)) // more than sockets hold
	resp := b.open("GET", "/v1/files/"+id+"/content", "")
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if status, answer := b.do("DELETE", "/v1/files/"+id, ""); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	if n, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes, %v; the file has %d", n+1000, err, resp.ContentLength)
	}
	b.noFiles(t)
}

// TestFilesEndWithTheServer: no upload holds it up.
func TestFilesEndWithTheServer(t *testing.T) {
	b := newBay(t, nil)
	conn, answers := b.beginFile(t, "Content-Length: 1000000")
	io.WriteString(conn, halfFile)
	b.close()
	if _, err := answers.ReadByte(); err == nil {
		t.Error("the connection goes on")
	}
}

// TestStrangersFile: nothing is taken of whom nobody knows.
func TestStrangersFile(t *testing.T) {
	secret, _, keyed := withKeys(t, keys.Key{Name: "a"})
	b := newBay(t, nil, keyed)
	for _, test := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"no key", []string{"Content-Length: 100000000"}, 401},
		{"a foreign page", []string{"Content-Length: 100000000", "Authorization: Bearer " + secret, "Origin: https://evil.example"}, 403},
		{"no boundary", []string{"Content-Length: 100000000", "Authorization: Bearer " + secret, "Content-Type: multipart/form-data"}, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn, answers := b.beginFile(t, test.headers...)
			io.WriteString(conn, halfFile)
			refused(t, answers, test.status, "")
		})
	}
	b.secret = secret
	b.noFiles(t)
}

// TestFileIsJSON: an answer is what OpenAI's clients read, and nothing else.
func TestFileIsJSON(t *testing.T) {
	b := newBay(t, nil)
	_, answer := b.upload(t, part{"purpose", "", "assistants"}, part{"file", "x", "y"})
	var f map[string]any
	if err := json.Unmarshal([]byte(answer), &f); err != nil || len(f) != 7 {
		t.Errorf("%s: %v", answer, err)
	}
}

// TestOldFilesAreDeleted: not only hidden, while the server runs.
func TestOldFilesAreDeleted(t *testing.T) {
	var kept *conversation.Store
	b := newBay(t, nil, func(c *api.Config) { kept = c.Conversations })
	past := time.Now().Unix() - 1
	if err := kept.CreateFile(t.Context(), conversation.Owner{}, &conversation.File{ExpiresAt: &past}, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	b.server.Apply(api.Policy{}) // as each hour
	b.log.wait(t, "files whose time is over are deleted: number=1", 1, 20*time.Second)
}
