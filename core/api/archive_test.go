package api_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// entries are the names of what is in a zip, with their sizes.
func entries(t *testing.T, body string) map[string]uint64 {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatalf("%v: %.200s", err, body)
	}
	all := map[string]uint64{}
	for _, f := range z.File {
		all[f.Name] = f.UncompressedSize64
	}
	return all
}

func TestExport(t *testing.T) {
	b := newBay(t, map[string]string{"x/export": `{}`})
	data, err := os.ReadFile(tinyGGUF)
	if err != nil {
		t.Fatal(err)
	}
	b.write("models/a/b/model.json", `{"engine": "echo", "settings": {"my_api_key": "sk-secret", "tokens": 3}}`)
	b.write("models/a/b/x.gguf", string(data))
	waitFor(t, b, "a/b")
	for _, path := range []string{"/v1/models/a/b/export", "/v1/models/a%2Fb/export"} {
		resp := b.open("GET", path, "")
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || resp.ContentLength != int64(len(body)) || resp.Header.Get("Content-Type") != "application/zip" {
			t.Fatalf("%s: %d %v, %d of %d bytes: %v", path, resp.StatusCode, resp.Header, len(body), resp.ContentLength, err)
		}
		if got := resp.Header.Get("Content-Disposition"); got != `attachment; filename="a-b.zip"` {
			t.Error(got)
		}
		if all := entries(t, string(body)); all["a/b/x.gguf"] != uint64(len(data)) || all["a/b/model.json"] == 0 {
			t.Errorf("%v", all)
		}
		if strings.Contains(string(body), "sk-secret") {
			t.Error("a secret is in it")
		}
	}
	_, light := b.do("GET", "/v1/models/a/b/export?weights=false", "")
	if all := entries(t, light); all["a/b/x.gguf"] != 0 || all["a/b/model.json"] == 0 {
		t.Errorf("without weights: %v", all)
	}
	b.walk(t, []step{
		{"nobody", "GET", "/v1/models/nope/export", "", 404, "does not exist", "model_not_found"},
		{"nobody outside", "GET", "/v1/models/..%2F..%2Fetc/export", "", 404, "", "model_not_found"},
		{"a word that is none", "GET", "/v1/models/a/b/export?weights=some", "", 400, "weights is true or false", "invalid_value"},
		{"a model of such an id", "GET", "/v1/models/x/export", "", 200, `"id":"x/export"`, ""},
	})
	if resp := b.open("HEAD", "/v1/models/a/b/export", ""); resp.StatusCode != 200 {
		t.Errorf("HEAD: %d", resp.StatusCode)
	}
}

// TestExportToWhoLeaves: what nobody reads any more is not written either.
func TestExportToWhoLeaves(t *testing.T) {
	b := newBay(t, nil)
	data, err := os.ReadFile(tinyGGUF)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "large.gguf")
	if err := os.WriteFile(file, append(data, bytes.Repeat([]byte{0}, 64<<20)...), 0o600); err != nil {
		t.Fatal(err)
	}
	b.write("models/large/model.json", fmt.Sprintf(`{"engine": "echo", "sources": [{"url": %q}]}`, file))
	waitFor(t, b, "large")
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprint(conn, "GET /v1/models/large/export HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if _, err := io.ReadFull(conn, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	b.log.wait(t, "status=499", 1, 20*time.Second)
	if status, _ := b.do("GET", "/healthz", ""); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}
