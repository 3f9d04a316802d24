package registry_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

var quiet = log.New(io.Discard, "", 0)

// TestIndexAndSchema: what the types write, the schema knows.
func TestIndexAndSchema(t *testing.T) {
	full, err := os.ReadFile("../../schemas/testdata/valid/index-full.json")
	must(t, err)
	var index registry.Index
	must(t, schemas.Decode(schemas.Index(), "index.json", full, &index))
	text, err := json.Marshal(index)
	must(t, err)
	var again, want bytes.Buffer
	must(t, json.Compact(&want, full))
	must(t, json.Compact(&again, text))
	for _, all := range []*bytes.Buffer{&again, &want} { // an empty value is as good as none
		all.Write(bytes.ReplaceAll(all.Next(all.Len()), []byte(`,"yanked":""`), nil))
	}
	var a, b any
	must(t, json.Unmarshal(again.Bytes(), &a))
	must(t, json.Unmarshal(want.Bytes(), &b))
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		t.Errorf("the types write\n%s\nfor\n%s", x, y)
	}
}

// TestIndexes: over https by two addresses, and from a folder; one that is wrong is
// left out and told of, and the others count.
func TestIndexes(t *testing.T) {
	s, key := open(t, nil), newKey(t)
	write(t, s.dir, files(t, newIndex(t, 1), key))
	source := func(name, url string) registry.Source {
		return registry.Source{Name: name, URL: url, Key: key.Public().String()}
	}
	all, problems := client(t, s).Indexes(t.Context(), []registry.Source{source("site", s.URL), source("gone", s.URL+"/none"), source("file", s.URL+"/index.json"), source("folder", s.dir)})
	if len(all) != 3 || len(problems) != 1 || !strings.Contains(problems[0].Error(), "registry gone") {
		t.Fatalf("%d registries, %v", len(all), problems)
	}
	for i, want := range []string{s.URL + "/packages/echo.tar.zst", s.URL + "/packages/echo.tar.zst", filepath.Join(s.dir, "packages", "echo.tar.zst")} {
		if got, err := all[i].Address(*variant(&all[i].Index)); got != want || err != nil {
			t.Errorf("%s: %s, %v", all[i].Source.Name, got, err)
		}
		if dir := t.TempDir(); all[i].WriteIndex(dir) != nil || all[i].Kept {
			t.Errorf("%+v", all[i])
		} else if again, err := client(t, s).Load(t.Context(), source("again", dir)); err != nil || again.Serial != 1 {
			t.Errorf("as it was written: %v", err)
		}
	}
}

// TestTampering: an index that is changed in any way is not used, and the error says
// what to do.
func TestTampering(t *testing.T) {
	key, foreign := newKey(t), newKey(t)
	good := func(t *testing.T) map[string]string { return files(t, newIndex(t, 7), key) }
	change := func(f func(i *registry.Index)) func(t *testing.T) map[string]string {
		return func(t *testing.T) map[string]string {
			i := newIndex(t, 7)
			f(i)
			return files(t, i, key)
		}
	}
	url := func(url string) func(t *testing.T) map[string]string {
		return change(func(i *registry.Index) { variant(i).URL = url })
	}
	for name, test := range map[string]struct {
		files func(t *testing.T) map[string]string
		code  sdk.Code
		words string
	}{
		"a changed byte": {func(t *testing.T) map[string]string {
			f := good(t)
			f["index.json"] = strings.Replace(f["index.json"], "Echoes", "echoes", 1)
			return f
		}, sdk.CodeInvalid, "what was signed has changed"},
		"a foreign key": {func(t *testing.T) map[string]string { return files(t, newIndex(t, 7), foreign) }, sdk.CodeInvalid, "not signed by the key"},
		"no signature": {func(t *testing.T) map[string]string {
			f := good(t)
			delete(f, "index.json.minisig")
			return f
		}, sdk.CodeInvalid, "is not signed"},
		"a signature that is none": {func(t *testing.T) map[string]string {
			f := good(t)
			f["index.json.minisig"] = "<html>"
			return f
		}, sdk.CodeInvalid, "not signed by the key"},
		"no index":        {func(t *testing.T) map[string]string { return map[string]string{"x": "y"} }, sdk.CodeNotFound, "index.json"},
		"expired":         {change(func(i *registry.Index) { i.Expires = today }), sdk.CodeUnavailable, "has expired on 2026-11-22"},
		"no JSON":         {func(t *testing.T) map[string]string { return signed(t, "<html>", key) }, sdk.CodeInvalid, "cannot be understood"},
		"no index at all": {func(t *testing.T) map[string]string { return signed(t, "{}", key) }, sdk.CodeInvalid, `the key "created"`},
		"a key twice": {func(t *testing.T) map[string]string {
			return signed(t, strings.Replace(good(t)["index.json"], `"serial": 7`, `"serial": 7, "serial": 8`, 1), key)
		}, sdk.CodeInvalid, "serial"},
		"endless": {func(t *testing.T) map[string]string {
			f := good(t)
			f["index.json"] += strings.Repeat(" ", 9<<20)
			return f
		}, sdk.CodeInternal, "more than 8388608 bytes"},
		"two archives for one machine": {change(func(i *registry.Index) {
			v := i.Plugins["enginebay/echo"].Versions["1.0.0"]
			v.Variants = append(v.Variants, v.Variants[0])
			i.Plugins["enginebay/echo"].Versions["1.0.0"] = v
		}), sdk.CodeInvalid, "there are two"},
		"a text for terminals": {change(func(i *registry.Index) {
			p := i.Plugins["enginebay/echo"]
			p.Description = "\x1b]0;x\x07Echoes"
			i.Plugins["enginebay/echo"] = p
		}), sdk.CodeInvalid, "control character"},
		"traversal":            {url("../../etc/passwd"), sdk.CodeInvalid, "no path below"},
		"traversal inside":     {url("packages/../../x"), sdk.CodeInvalid, "no path below"},
		"escaped traversal":    {url("packages/%2e%2e/x"), sdk.CodeInvalid, "no path below"},
		"traversal of Windows": {url(`packages\..\..\x`), sdk.CodeInvalid, "no path below"},
		"an absolute path":     {url("/etc/passwd"), sdk.CodeInvalid, "no path below"},
		"a drive":              {url("C:/x"), sdk.CodeInvalid, "no path below"},
		"a file":               {url("file:///etc/passwd"), sdk.CodeInvalid, "no path below"},
		"another server":       {url("//evil.example.com/x"), sdk.CodeInvalid, "no path below"},
		"plain http":           {url("http://plugins.example.com/x"), sdk.CodeInvalid, "plain http"},
		"a password":           {url("https://me:s3cret@plugins.example.com/x"), sdk.CodeInvalid, "a user"},
		"a bad reference":      {url("oci://registry.example.com/../x"), sdk.CodeInvalid, "nothing in an OCI registry"},
		"a weak hash":          {url("oci://registry.example.com/x@sha512:" + strings.Repeat("0", 128)), sdk.CodeInvalid, "only sha256"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, nil)
			write(t, s.dir, test.files(t))
			c := client(t, s)
			for _, place := range []string{s.URL + "/", s.dir} {
				_, err := c.Load(t.Context(), registry.Source{Name: "main", URL: place, Key: key.Public().String()})
				says(t, err, test.code, test.words)
				if err != nil && strings.Contains(err.Error(), "s3cret") {
					t.Errorf("the password is in %v", err)
				}
			}
		})
	}
}

// TestOlderIndex: what was seen once is not forgotten; the kept index counts.
func TestOlderIndex(t *testing.T) {
	s, key := open(t, nil), newKey(t)
	c, source := client(t, s), registry.Source{Name: "main", URL: s.URL, Key: key.Public().String()}
	load := func(f map[string]string) ([]*registry.Registry, []error) {
		t.Helper()
		write(t, s.dir, f)
		return c.Indexes(t.Context(), []registry.Source{source})
	}
	newer := files(t, newIndex(t, 8), key)
	if all, problems := load(newer); len(all) != 1 || len(problems) != 0 {
		t.Fatalf("%v, %v", all, problems)
	}
	all, problems := load(files(t, newIndex(t, 7), key))
	if len(all) != 1 || all[0].Serial != 8 || !all[0].Kept || len(problems) != 1 {
		t.Fatalf("%v, %v", all, problems)
	}
	says(t, problems[0], sdk.CodeUnavailable, "older index than before: serial 7, after 8")
	_, err := c.Load(t.Context(), source)
	says(t, err, sdk.CodeUnavailable, "older index")

	all, problems = load(files(t, newIndex(t, 8), key)) // the publisher's key is another one
	if len(all) != 0 || len(problems) != 1 {
		t.Fatalf("%v, %v", all, problems)
	}
	says(t, problems[0], sdk.CodeInvalid, "under the same serial 8")
	renamed := newIndex(t, 9)
	renamed.Name = "other"
	_, problems = load(files(t, renamed, key))
	says(t, problems[0], sdk.CodeInvalid, "index of another one")

	must(t, c.Forget("main"))
	if all, problems := load(files(t, newIndex(t, 7), key)); len(all) != 1 || len(problems) != 0 {
		t.Errorf("after it was forgotten: %v, %v", all, problems)
	}
	if all, problems := load(newer); len(all) != 1 || len(problems) != 0 || all[0].Serial != 8 {
		t.Errorf("a newer one: %v, %v", all, problems)
	}
}

// TestKeptIndex: a registry that is not reached has the index of the last time, as long
// as it is good, and as long as nobody changed it here.
func TestKeptIndex(t *testing.T) {
	var down atomic.Bool
	s := open(t, func(w http.ResponseWriter, r *http.Request) bool {
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
		return down.Load()
	})
	key := newKey(t)
	write(t, s.dir, files(t, newIndex(t, 1), key))
	now := today
	cache := t.TempDir()
	config := client(t, s).Config
	config.Cache = cache
	config.Now = func() time.Time { return now }
	c, sources := registry.New(config), []registry.Source{{Name: "main", URL: s.URL, Key: key.Public().String()}}
	if all, problems := c.Indexes(t.Context(), sources); len(all) != 1 || len(problems) != 0 {
		t.Fatalf("%v, %v", all, problems)
	}
	down.Store(true)
	all, problems := c.Indexes(t.Context(), sources)
	if len(all) != 1 || !all[0].Kept || len(problems) != 1 {
		t.Fatalf("%v, %v", all, problems)
	}
	says(t, problems[0], sdk.CodeUnavailable, "Registry main gives no new index, so the one of 2026-11-21 counts")

	now = today.AddDate(0, 0, 31)
	all, problems = c.Indexes(t.Context(), sources)
	if len(all) != 0 || len(problems) != 2 {
		t.Fatalf("expired: %v, %v", all, problems)
	}
	says(t, problems[1], sdk.CodeUnavailable, "expired")
	if all, _ := c.LockedIndexes(t.Context(), sources); len(all) != 1 || !all[0].Expired {
		t.Errorf("for a lock file: %v", all)
	}
	now = today

	other := []registry.Source{{Name: "main", URL: s.URL, Key: newKey(t).Public().String()}}
	if all, problems := c.Indexes(t.Context(), other); len(all) != 0 || len(problems) != 1 {
		t.Errorf("with another key: %v, %v", all, problems)
	}
	kept := filepath.Join(cache, "main", "index.signed")
	text, err := os.ReadFile(kept)
	must(t, err)
	must(t, os.WriteFile(kept, bytes.Replace(text, []byte("Echoes"), []byte("echoes"), 1), 0o600))
	if all, problems := c.Indexes(t.Context(), sources); len(all) != 0 || len(problems) != 1 {
		t.Errorf("changed here: %v, %v", all, problems)
	}
}

// TestChangedInBetween: the index and its signature are two files, and a registry may
// be written between the reading of the one and of the other.
func TestChangedInBetween(t *testing.T) {
	key := newKey(t)
	before, after := files(t, newIndex(t, 1), key), files(t, newIndex(t, 2), key)
	var asked atomic.Int32
	s := open(t, func(w http.ResponseWriter, r *http.Request) bool {
		f := after
		if asked.Add(1) == 1 {
			f = before
		}
		io.WriteString(w, f[strings.TrimPrefix(r.URL.Path, "/")])
		return true
	})
	r, err := client(t, s).Load(t.Context(), registry.Source{Name: "main", URL: s.URL, Key: key.Public().String()})
	if err != nil || r.Serial != 2 || asked.Load() != 4 {
		t.Errorf("%+v, %v, asked %d times", r, err, asked.Load())
	}
}

// TestWhereARegistryLeads: a redirect into a private network is not followed, though
// the registry itself is in one; nor one to plain http.
func TestWhereARegistryLeads(t *testing.T) {
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Error("it was called") }))
	defer inside.Close()
	for to, words := range map[string]string{
		"https://127.0.0.1:1/":       "private or reserved",
		"https://10.1.2.3/":          "private or reserved",
		"https://169.254.169.254/":   "private or reserved",
		inside.URL + "/":             "plain http",
		"http://plugins.example.com": "plain http",
	} {
		s := open(t, func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, to, http.StatusFound)
			return true
		})
		_, err := client(t, s).Load(t.Context(), registry.Source{Name: "main", URL: s.URL, Key: newKey(t).Public().String()})
		says(t, err, sdk.CodeInvalid, words)
	}
}
