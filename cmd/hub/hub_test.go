package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What the official client does not try: cmd/enginebay/testdata/clients/hub.test.mjs
// has the rest.

const weights = "GGUF and the weights"

// start serves one repository.
func start(t *testing.T) (*hub, *http.Client) {
	t.Helper()
	h := newHub()
	h.root, h.page, h.cdn.expire = t.TempDir(), 1000, time.Hour
	for name, content := range map[string]string{"o/r/sub/m.gguf": weights, "o/r/a b.json": "{}", "secret.gguf": "no", "o/secret.gguf": "no"} {
		on := filepath.Join(h.root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(on), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(on, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.addToken("alice=hf_alice"); err != nil {
		t.Fatal(err)
	}
	site, files := httptest.NewServer(h.told("hub", h.handler())), httptest.NewServer(h.told("cdn", h.cdn))
	t.Cleanup(site.Close)
	t.Cleanup(files.Close)
	h.url, h.cdn.url = site.URL, files.URL
	return h, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ask sends a request with headers "Name: value".
func ask(t *testing.T, c *http.Client, method, address string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body) // one that breaks off is short
	return answer, string(body)
}

func TestResolve(t *testing.T) {
	h, c := start(t)
	sum := sha256.Sum256([]byte(weights))
	digest := `"` + hex.EncodeToString(sum[:]) + `"`
	answer, _ := ask(t, c, "HEAD", h.url+"/o/r/resolve/main/sub/m.gguf")
	head := answer.Header
	if answer.StatusCode != 302 || head.Get("X-Linked-Etag") != digest || head.Get("X-Linked-Size") != "20" || len(head.Get("X-Repo-Commit")) != 40 {
		t.Fatalf("%d %v", answer.StatusCode, head)
	}
	signed := head.Get("Location")
	if !strings.HasPrefix(signed, h.cdn.url+"/") || h.cdn.url == h.url {
		t.Errorf("the CDN is no other origin: %s", signed)
	}
	answer, body := ask(t, c, "GET", signed, "Range: bytes=5-7")
	if answer.StatusCode != 206 || body != "and" || answer.Header.Get("ETag") == digest || len(answer.Header.Get("ETag")) != 66 || answer.Header.Get("Content-Range") != "bytes 5-7/20" {
		t.Errorf("%d %q %v", answer.StatusCode, body, answer.Header)
	}
	for name, test := range map[string]struct {
		address, header string
		status          int
	}{
		"a token for the CDN": {signed, "Authorization: Bearer hf_alice", 400},
		"no signature":        {strings.Split(signed, "?")[0], "", 403},
		"wrong signature":     {strings.Replace(signed, "Signature=", "Signature=0", 1), "", 403},
		"beyond the end":      {signed, "Range: bytes=20-", 416},
		"a space":             {h.url + "/o/r/resolve/main/a%20b.json", "", 307},
		"out of the folder":   {h.url + "/o/r/resolve/main/..%2F..%2Fsecret.gguf", "", 404},
		"not a repository":    {h.url + "/o/secret.gguf/resolve/main/x", "", 401},
		"hidden":              {h.url + "/o/r/resolve/main/.hub.json", "", 404},
		"wrong token":         {h.url + "/o/r/resolve/main/a%20b.json", "Authorization: Bearer no", 401},
	} {
		t.Run(name, func(t *testing.T) {
			header := test.header
			if header == "" {
				header = "X-None: 1"
			}
			if answer, body := ask(t, c, "GET", test.address, header); answer.StatusCode != test.status {
				t.Errorf("%d %s, want %d", answer.StatusCode, body, test.status)
			}
		})
	}
}

func TestKnobs(t *testing.T) {
	fetch := func(t *testing.T, h *hub, c *http.Client) (int, string) {
		answer, _ := ask(t, c, "GET", h.url+"/o/r/resolve/main/sub/m.gguf")
		answer, body := ask(t, c, "GET", answer.Header.Get("Location"), "Range: bytes=5-")
		return answer.StatusCode, body
	}
	for name, test := range map[string]struct {
		set    func(*hub)
		status int
		body   string
	}{
		"none":      {func(*hub) {}, 206, weights[5:]},
		"expired":   {func(h *hub) { h.cdn.expire = -time.Second }, 403, "expired"},
		"no ranges": {func(h *hub) { h.cdn.whole = true }, 200, weights},
		"slow":      {func(h *hub) { h.cdn.rate = 1 << 20 }, 206, weights[5:]},
		"503 once":  {func(h *hub) { _ = h.faults.add("/repos/ 503 1") }, 503, "Service Unavailable"},
		"html":      {func(h *hub) { _ = h.faults.add("/repos/ html") }, 200, "<form"},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := start(t)
			test.set(h)
			if status, body := fetch(t, h, c); status != test.status || !strings.Contains(body, test.body) {
				t.Errorf("%d %q, want %d %q", status, body, test.status, test.body)
			}
			if status, _ := fetch(t, h, c); name == "503 once" && status != 206 {
				t.Errorf("%d the second time", status)
			}
		})
	}
	t.Run("cut", func(t *testing.T) {
		h, c := start(t)
		h.cdn.cut = 4
		if status, body := fetch(t, h, c); status != 206 || body != weights[5:9] {
			t.Errorf("%d %q", status, body)
		}
	})
	for _, text := range []string{"", "/a", "/a odd", "/a 200", "/a 503 0", "/a 503 1 2"} {
		if newHub().faults.add(text) == nil {
			t.Errorf("the fault %q is taken", text)
		}
	}
}

func TestInfoOfHeaders(t *testing.T) {
	h, c := start(t)
	tiny, err := os.ReadFile("../../examples/models/tiny-guide/tiny-guide.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.root, "o/r/tiny.gguf"), tiny, 0o600); err != nil {
		t.Fatal(err)
	}
	_, body := ask(t, c, "GET", h.url+"/api/models/o/r?blobs=true")
	var info struct {
		GGUF struct {
			Total        int64
			Architecture string
		}
		Siblings []struct {
			RFilename string
			Size      int64
			LFS       *struct{ SHA256 string }
		}
	}
	if err := json.Unmarshal([]byte(body), &info); err != nil {
		t.Fatal(err)
	}
	if info.GGUF.Architecture != "llama" || info.GGUF.Total < 100_000 || len(info.Siblings) != 3 || info.Siblings[0].LFS != nil || len(info.Siblings[2].LFS.SHA256) != 64 ||
		info.Siblings[2].Size != int64(len(tiny)) {
		t.Errorf("%s", body)
	}
}
