package registry_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// publishing is a registry's key and a publisher's.
type publishing struct{ registry, publisher minisign.SecretKey }

func (p publishing) of(archives ...string) registry.Publication {
	return registry.Publication{Key: p.registry, Name: "main", Archives: archives,
		Publishers: map[string]registry.Publisher{"me": {Name: "Me", Keys: []string{p.publisher.Public().String()}}}}
}

// TestPublish begins a registry, in a folder and under an OCI tag, adds to it, and
// reads it as those who install do.
func TestPublish(t *testing.T) {
	for name, place := range map[string]func(t *testing.T) string{
		"a folder": func(t *testing.T) string { return filepath.Join(t.TempDir(), "new") },
		"an OCI tag": func(t *testing.T) string {
			h := newHub(t, "s3cret-s3cret-s3cret", nil)
			h.logIn(t, "s3cret-s3cret-s3cret")
			return h.ref("plugins:main")
		},
	} {
		t.Run(name, func(t *testing.T) {
			target, keys := place(t), publishing{newKey(t), newKey(t)}
			c := client(t, nil)
			plain := pack(t, keys.publisher, build{"me/echo", "1.0.0", "linux", "amd64", "", "", 10})
			cuda := pack(t, keys.publisher, build{"me/echo", "1.0.0", "linux", "amd64", "cuda12", `{"accelerator": "cuda"}`, 10})
			newer := pack(t, keys.publisher, build{"me/echo", "1.10.0", "linux", "amd64", "", "", 10})
			made, err := c.Publish(t.Context(), target, keys.of(plain, newer))
			must(t, err)
			if !made.New || made.Index.Serial != 1 || len(made.Added) != 2 || made.Index.Expires != today.Add(90*24*time.Hour) {
				t.Errorf("%+v", made)
			}
			more := keys.of(cuda, plain)
			more.Name, more.Lasts, more.Yank = "", time.Hour, map[string]string{"me/echo@1.10.0": "loses settings"}
			made, err = c.Publish(t.Context(), target, more)
			must(t, err)
			if made.New || made.Index.Serial != 2 || strings.Join(made.Added, ",") != "me/echo 1.0.0 linux/amd64/cuda12" || strings.Join(made.Unchanged, ",") != "me/echo 1.0.0 linux/amd64/default" {
				t.Errorf("%+v", made)
			}
			source := registry.Source{Name: "x", URL: target, Key: keys.registry.Public().String()}
			r, err := c.Load(t.Context(), source)
			must(t, err)
			p := r.Plugins["me/echo"]
			if r.Serial != 2 || r.Expires != today.Add(time.Hour) || p.Description != "Test" || p.Versions["1.10.0"].Yanked != "loses settings" || len(p.Versions["1.0.0"].Variants) != 2 {
				t.Fatalf("%+v", r.Index)
			}
			for file, v := range map[string]registry.Variant{plain: p.Versions["1.0.0"].Variants[1], cuda: p.Versions["1.0.0"].Variants[0], newer: p.Versions["1.10.0"].Variants[0]} {
				address, err := r.Address(v)
				must(t, err)
				to := filepath.Join(t.TempDir(), "x")
				must(t, c.Fetch(t.Context(), registry.Archive{Address: address, Size: v.Size, SHA256: v.SHA256, Named: target}, to, nil))
				same(t, to, file)
			}
		})
	}
}

// TestWhatIsNotPublished: a registry does not take what its readers would refuse, and
// stays as it was.
func TestWhatIsNotPublished(t *testing.T) {
	dir, keys := t.TempDir(), publishing{newKey(t), newKey(t)}
	c := client(t, nil)
	echo := build{"me/echo", "1.0.0", "linux", "amd64", "", "", 10}
	_, err := c.Publish(t.Context(), dir, keys.of(pack(t, keys.publisher, echo)))
	must(t, err)
	before, err := os.ReadFile(filepath.Join(dir, "index.json"))
	must(t, err)
	other := echo
	other.size = 20
	broken := filepath.Join(t.TempDir(), "broken.tar.zst")
	must(t, os.WriteFile(broken, []byte("no archive"), 0o600))
	stranger := echo
	stranger.name = "you/echo"
	for name, test := range map[string]struct {
		p     registry.Publication
		words string
	}{
		"other files":                 {keys.of(pack(t, keys.publisher, other)), "give the plugin a new version"},
		"another publisher's":         {keys.of(pack(t, keys.publisher, stranger)), "--publisher you=KEY"},
		"signed by somebody else":     {keys.of(pack(t, newKey(t), build{"me/echo", "2.0.0", "linux", "amd64", "", "", 10})), "is not signed by a key"},
		"no archive":                  {keys.of(broken), "cannot be published"},
		"by another registry":         {publishing{newKey(t), keys.publisher}.of(), "not signed by the key"},
		"a version that is not there": {registry.Publication{Key: keys.registry, Yank: map[string]string{"me/echo@9.0.0": "x"}}, "has no me/echo@9.0.0"},
		"another name":                {registry.Publication{Key: keys.registry, Name: "other"}, "is called main"},
		"a key that is none":          {registry.Publication{Key: keys.registry, Publishers: map[string]registry.Publisher{"you": {Keys: []string{"RWx"}}}}, "would be wrong"},
	} {
		_, err := c.Publish(t.Context(), dir, test.p)
		if err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: got %v, want %q", name, err, test.words)
		}
	}
	if after, err := os.ReadFile(filepath.Join(dir, "index.json")); err != nil || string(after) != string(before) {
		t.Errorf("the index was changed: %v\n%s", err, after)
	}
	_, err = c.Publish(t.Context(), t.TempDir(), registry.Publication{Key: keys.registry})
	says(t, err, sdk.CodeNotFound, "--name NAME")
	_, err = c.Publish(t.Context(), "https://plugins.example.com/", keys.of())
	says(t, err, sdk.CodeInvalid, "Nothing can be published to")
}

// TestPublishAtOnce: two who publish into a folder wait for each other.
func TestPublishAtOnce(t *testing.T) {
	dir, keys := t.TempDir(), publishing{newKey(t), newKey(t)}
	var wait sync.WaitGroup
	for _, version := range []string{"1.0.0", "1.1.0", "1.2.0", "1.3.0"} {
		archive := pack(t, keys.publisher, build{"me/echo", version, "linux", "amd64", "", "", 10})
		wait.Go(func() {
			if _, err := client(t, nil).Publish(t.Context(), dir, keys.of(archive)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	r, err := client(t, nil).Load(t.Context(), registry.Source{Name: "x", URL: dir, Key: keys.registry.Public().String()})
	if err != nil || r.Serial != 4 || len(r.Plugins["me/echo"].Versions) != 4 {
		t.Errorf("%+v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client(t, nil).Publish(ctx, dir, keys.of(pack(t, keys.publisher, build{"me/echo", "2.0.0", "linux", "amd64", "", "", 10}))); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
}

// TestMirror: what lies in a folder by its hash goes before the address in the index.
func TestMirror(t *testing.T) {
	dir, key := t.TempDir(), newKey(t)
	index := newIndex(t, 1)
	variant(index).URL = "https://plugins.example.com/echo.tar.zst"
	write(t, dir, files(t, index, key))
	c, source := client(t, nil), registry.Source{Name: "main", URL: dir, Key: key.Public().String()}
	r, err := c.Load(t.Context(), source)
	must(t, err)
	v := *variant(&r.Index)
	if address, err := r.Address(v); address != v.URL || err != nil {
		t.Errorf("%s, %v", address, err)
	}
	write(t, dir, map[string]string{registry.MirrorPath(v): archive})
	address, err := r.Address(v)
	must(t, err)
	to := filepath.Join(t.TempDir(), "deep", "x")
	must(t, c.Fetch(t.Context(), registry.Archive{Address: address, SHA256: v.SHA256}, to, nil))
	if text, err := os.ReadFile(to); err != nil || string(text) != archive {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	write(t, dir, map[string]string{registry.MirrorPath(v): "changed"})
	err = c.Fetch(t.Context(), registry.Archive{Address: address, SHA256: v.SHA256}, to+"2", nil)
	says(t, err, sdk.CodeInvalid, "was changed")
	if all, _ := os.ReadDir(filepath.Dir(to)); len(all) != 1 {
		t.Errorf("it left %v", all)
	}
}

// TestFetchOverHTTPS: an archive beside its index, also where the registry is in a
// private network, resumed and checked by its hash.
func TestFetchOverHTTPS(t *testing.T) {
	s, key := open(t, nil), newKey(t)
	write(t, s.dir, files(t, newIndex(t, 1), key))
	c := client(t, s)
	r, err := c.Load(t.Context(), registry.Source{Name: "main", URL: s.URL, Key: key.Public().String()})
	must(t, err)
	v := *variant(&r.Index)
	address, err := r.Address(v)
	must(t, err)
	to := filepath.Join(t.TempDir(), "x")
	must(t, c.Fetch(t.Context(), registry.Archive{Address: address, Size: v.Size, SHA256: v.SHA256, Named: r.Source.URL}, to, nil))
	if text, err := os.ReadFile(to); err != nil || string(text) != archive {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	err = c.Fetch(t.Context(), registry.Archive{Address: address, SHA256: hashOf("another")}, to+"2", nil)
	says(t, err, sdk.CodeInvalid, "private or reserved network") // nobody named it
	err = c.Fetch(t.Context(), registry.Archive{Address: address, SHA256: hashOf("another"), Named: address}, to+"2", nil)
	says(t, err, sdk.CodeInvalid, "SHA-256")
	err = c.Fetch(t.Context(), registry.Archive{Address: "http://plugins.example.com/x", Named: s.URL}, to+"2", nil)
	says(t, err, sdk.CodeInvalid, "plain http")
}
