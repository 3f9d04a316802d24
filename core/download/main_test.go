package download_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/sdk/web"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}

// loopback is what the tests' servers need.
var loopback = web.Config{Private: []string{"127.0.0.1"}}

func newClient(t *testing.T, c download.Config) *download.Client {
	t.Helper()
	c.Web.Private = loopback.Private
	client, err := download.New(c)
	if err != nil {
		t.Fatal(err)
	}
	client.Hasten(20*time.Second, 50*time.Millisecond)
	return client
}

// content is n bytes that look like nothing, the same ones each time.
func content(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// An origin serves one file as a good server does, and remembers what was asked.
type origin struct {
	data []byte
	tag  string

	mu     sync.Mutex
	ranges []string
	sent   int64
	before func(sent int64) // is called before more is sent; nil: nothing is
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.ranges = append(o.ranges, r.Header.Get("Range"))
	data, tag := o.data, o.tag
	o.mu.Unlock()
	if tag != "" {
		w.Header().Set("ETag", tag)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(&counted{w, o}, r, "", time.Time{}, strings.NewReader(string(data)))
}

// counted counts the bytes of bodies.
type counted struct {
	http.ResponseWriter
	o *origin
}

func (c *counted) Write(p []byte) (int, error) {
	if c.o.before != nil {
		_, sent := c.o.asked()
		c.o.before(sent)
	}
	n, err := c.ResponseWriter.Write(p)
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	c.o.sent += int64(n)
	return n, err
}

func (o *origin) asked() ([]string, int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.ranges...), o.sent
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// fetchOne fetches one file, and returns what is at its target then.
func fetchOne(t *testing.T, c *download.Client, f download.File) ([]byte, error) {
	t.Helper()
	if err := c.Fetch(t.Context(), []download.File{f}, nil); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	return data, nil
}

// names are what is in a folder.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func target(t *testing.T) string { return filepath.Join(t.TempDir(), "model.gguf") }
