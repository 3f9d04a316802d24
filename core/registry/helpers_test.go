package registry_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// TestMain lets the broadcaster of the hub be, which nothing ends.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/docker/go-events.(*Broadcaster).run"))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// says wants an error with a code and some words.
func says(t testing.TB, err error, code sdk.Code, words string) {
	t.Helper()
	if err == nil || sdk.CodeOf(err) != code || !strings.Contains(err.Error(), words) {
		t.Errorf("got (%s) %v, want (%s) %q", sdk.CodeOf(err), err, code, words)
	}
}

func newKey(t testing.TB) minisign.SecretKey {
	t.Helper()
	k, err := minisign.GenerateKey()
	must(t, err)
	return k
}

// today is when the tests take place.
var today = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func hashOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

// archive is what the plugin of newIndex is packed into.
var archive = strings.Repeat("an archive of a plugin\n", 10_000)

// newIndex offers one plugin, with its archive beside the index.
func newIndex(t testing.TB, serial int64) *registry.Index {
	return &registry.Index{Name: "main", Serial: serial, Created: today.AddDate(0, 0, -1), Expires: today.AddDate(0, 0, 30),
		Publishers: map[string]registry.Publisher{"enginebay": {Name: "Engine Bay", Keys: []string{newKey(t).Public().String()}}},
		Plugins: map[string]registry.Plugin{"enginebay/echo": {Description: "Echoes", Kinds: []sdk.Kind{"engine"}, Versions: map[string]registry.Version{
			"1.0.0": {Published: today, Variants: []registry.Variant{{OS: "linux", Arch: "amd64", URL: "packages/echo.tar.zst",
				Size: int64(len(archive)), SHA256: hashOf(archive), Digest: "sha256:" + hashOf("sums")}}}}}}}
}

// variant is the only one of newIndex.
func variant(i *registry.Index) *registry.Variant {
	return &i.Plugins["enginebay/echo"].Versions["1.0.0"].Variants[0]
}

// files are an index and its signature.
func files(t testing.TB, i *registry.Index, k minisign.SecretKey) map[string]string {
	t.Helper()
	text, err := json.MarshalIndent(i, "", "  ")
	must(t, err)
	return signed(t, string(text), k)
}

func signed(t testing.TB, text string, k minisign.SecretKey) map[string]string {
	t.Helper()
	signature, err := k.Sign([]byte(text), "test")
	must(t, err)
	return map[string]string{"index.json": text, "index.json.minisig": string(signature), "packages/echo.tar.zst": archive}
}

// write puts files into a folder.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(file), 0o700))
		must(t, os.WriteFile(file, []byte(text), 0o600))
	}
}

// A shop is a registry over https whose files a test changes.
type shop struct {
	*httptest.Server
	dir string
	ca  string
}

// open serves a folder over TLS; handle may answer first.
func open(t testing.TB, handle func(w http.ResponseWriter, r *http.Request) bool) *shop {
	t.Helper()
	s := &shop{dir: t.TempDir(), ca: filepath.Join(t.TempDir(), "ca.pem")}
	serve := http.FileServer(http.Dir(s.dir))
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handle != nil && handle(w, r) {
			return
		}
		if r.URL.Path == "/index.json" { // FileServer redirects index.html only, and this is the test of that
			w.Header().Set("Content-Type", "application/json")
		}
		serve.ServeHTTP(w, r)
	}))
	s.Server.Config.ErrorLog = quiet
	s.StartTLS()
	t.Cleanup(s.Close)
	must(t, os.WriteFile(s.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	return s
}

// client makes one that trusts a shop, which may be nil.
func client(t testing.TB, s *shop) *registry.Client {
	t.Helper()
	config := registry.Config{Cache: t.TempDir(), Now: func() time.Time { return today }}
	if s != nil {
		config.Downloads = download.Config{Web: web.Config{CA: s.ca}}
	}
	return registry.New(config)
}
