package registry_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// A build is a package to make.
type build struct {
	name, version, os, arch, variant, requires string
	size                                       int // bytes of a file in it
}

// pack makes an archive of a signed package.
func pack(t testing.TB, key minisign.SecretKey, b build) string {
	t.Helper()
	dir := t.TempDir()
	manifest := fmt.Sprintf(`{"name": %q, "version": %q, "kinds": ["engine"], "entry": "bin/x", "description": "Test", "platform": {"os": %q, "arch": %q}`, b.name, b.version, b.os, b.arch)
	if b.variant != "" {
		manifest += fmt.Sprintf(`, "variant": %q`, b.variant)
	}
	if b.requires != "" {
		manifest += `, "requires": ` + b.requires
	}
	noise := make([]byte, b.size)
	x := uint32(1)
	for i := range noise { // what does not get smaller
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	write(t, dir, map[string]string{"plugin.json": manifest + "}", "bin/x": "#!/bin/sh\n", "libs/noise": string(noise)})
	must(t, os.Chmod(filepath.Join(dir, "bin", "x"), 0o700))
	_, err := packages.Seal(dir)
	must(t, err)
	_, err = packages.Sign(dir, key)
	must(t, err)
	var text bytes.Buffer
	must(t, packages.Pack(dir, &text))
	file := filepath.Join(t.TempDir(), "package.tar.zst")
	must(t, os.WriteFile(file, text.Bytes(), 0o600))
	return file
}

func same(t testing.TB, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	must(t, err)
	y, err := os.ReadFile(b)
	must(t, err)
	if !bytes.Equal(x, y) {
		t.Errorf("%s has %d bytes, and %s %d others", a, len(x), b, len(y))
	}
}

// TestOCI pushes the variants of a version, and pulls the one that fits: by tag and by
// hash, with a password and without.
func TestOCI(t *testing.T) {
	for name, password := range map[string]string{"open to all": "", "with a password": "s3cret-s3cret-s3cret"} {
		t.Run(name, func(t *testing.T) {
			h, key := newHub(t, password, nil), newKey(t)
			h.logIn(t, password)
			c := client(t, nil)
			plain := pack(t, key, build{"me/echo", "1.0.0+build.1", "linux", "amd64", "", "", 10})
			cuda := pack(t, key, build{"me/echo", "1.0.0+build.1", "linux", "amd64", "cuda12", `{"accelerator": "cuda"}`, 10})
			mac := pack(t, key, build{"me/echo", "1.0.0+build.1", "darwin", "arm64", "", "", 10})
			pushed, err := c.Push(t.Context(), h.ref("me/echo"), []string{plain, cuda})
			must(t, err)
			if len(pushed) != 2 || pushed[0].Tag != h.ref("me/echo:1.0.0_build.1") {
				t.Errorf("%+v", pushed)
			}
			for range 2 { // what is there already stays
				_, err = c.Push(t.Context(), h.ref("me/echo"), []string{mac})
				must(t, err)
			}
			a, err := c.Resolve(t.Context(), pushed[0].Tag, true)
			must(t, err)
			if a.Name != "me/echo" || a.Version != "1.0.0+build.1" || len(a.Variants) != 3 || len(a.Protocol) != 1 {
				t.Fatalf("%+v", a)
			}
			choice, err := registry.Choose(a.Variants, machine("", "", "cuda 550"), "")
			must(t, err)
			v := choice.Chosen
			if v.Label() != "cuda12" || v.URL != pushed[1].Variant.URL || v.SHA256 != pushed[1].Variant.SHA256 || v.Digest != pushed[1].Variant.Digest || v.Digest == "" {
				t.Errorf("%+v\n%+v", v, pushed[1].Variant)
			}
			to := filepath.Join(t.TempDir(), "x.tar.zst")
			must(t, c.Fetch(t.Context(), registry.Archive{Address: v.URL, Size: v.Size, SHA256: v.SHA256, Named: pushed[0].Tag}, to, nil))
			same(t, to, cuda)
			one, err := c.Resolve(t.Context(), v.URL, true)
			if err != nil || len(one.Variants) != 1 || one.Variants[0].Label() != "cuda12" {
				t.Errorf("by hash: %+v, %v", one, err)
			}
			another := pack(t, key, build{"me/echo", "1.0.0+build.1", "linux", "amd64", "", "", 20})
			_, err = c.Push(t.Context(), h.ref("me/echo"), []string{another})
			says(t, err, sdk.CodeInvalid, "give the plugin a new version")

			if password != "" {
				h.logIn(t, "another password")
				_, err := c.Resolve(t.Context(), pushed[0].Tag, true)
				says(t, err, sdk.CodeUnauthorized, "docker login "+h.host)
				t.Setenv("DOCKER_CONFIG", t.TempDir())
				err = c.Fetch(t.Context(), registry.Archive{Address: v.URL, Named: v.URL}, to+"2", nil)
				says(t, err, sdk.CodeUnauthorized, "docker login "+h.host)
				_, err = c.Push(t.Context(), h.ref("me/other"), []string{plain})
				says(t, err, sdk.CodeUnauthorized, "docker login "+h.host)
			}
		})
	}
}

// TestBrokenLayer: a download that breaks off goes on where it was, with a fresh token
// where one is needed.
func TestBrokenLayer(t *testing.T) {
	var mu sync.Mutex
	var ranges []string
	h := newHub(t, "s3cret-s3cret-s3cret", func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Range") != "" && r.Header.Get("Authorization") != "" {
			mu.Lock()
			defer mu.Unlock()
			ranges = append(ranges, r.Header.Get("Range"))
		}
		return false
	})
	key := newKey(t)
	h.logIn(t, "s3cret-s3cret-s3cret")
	c := client(t, nil)
	pushed, err := c.Push(t.Context(), h.ref("me/echo"), []string{pack(t, key, build{"me/echo", "1.0.0", "linux", "amd64", "", "", 5 << 20})})
	must(t, err)
	v := pushed[0].Variant
	to := filepath.Join(t.TempDir(), "x.tar.zst")
	ctx, cancel := context.WithCancel(t.Context())
	slow := client(t, nil)
	slow.Downloads.Rate, slow.Downloads.Connections = 4<<20, 1
	err = slow.Fetch(ctx, registry.Archive{Address: v.URL, Size: v.Size, SHA256: v.SHA256, Named: v.URL}, to, func(p download.Progress) {
		if p.Done > 1<<20 {
			cancel()
		}
	})
	says(t, err, sdk.CodeCanceled, "")
	had, total, _, ok := download.Partial(to)
	if !ok || had < 1<<20 || total != v.Size {
		t.Fatalf("%d of %d bytes are there", had, total)
	}
	mu.Lock()
	ranges = nil
	mu.Unlock()
	must(t, c.Fetch(t.Context(), registry.Archive{Address: v.URL, Size: v.Size, SHA256: v.SHA256, Named: v.URL}, to, nil))
	if info, err := os.Stat(to); err != nil || info.Size() != v.Size {
		t.Fatalf("%v, %v", info, err)
	}
	for _, r := range ranges {
		if strings.HasPrefix(r, "bytes=0-") {
			t.Errorf("it began anew: %v", ranges)
		}
	}
	if len(ranges) == 0 {
		t.Error("it was not asked for ranges")
	}
}

// TestPasswordStaysAtHome: the place that a registry sends for the bytes gets no
// password, not even when it asks for one.
func TestPasswordStaysAtHome(t *testing.T) {
	const password = "s3cret-s3cret-s3cret"
	var seen sync.Map
	var data []byte
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Header.Get("Authorization"), true)
		if r.URL.Path == "/asks" {
			w.Header().Set("Www-Authenticate", `Basic realm="give it to me"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.ServeContent(w, r, "", today, bytes.NewReader(data))
	}))
	defer storage.Close()
	var path string
	h := newHub(t, password, func(w http.ResponseWriter, r *http.Request) bool {
		away := path != "" && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") && r.Header.Get("Authorization") != ""
		if away {
			http.Redirect(w, r, storage.URL+path, http.StatusTemporaryRedirect)
		}
		return away
	})
	h.logIn(t, password)
	c := client(t, nil)
	file := pack(t, newKey(t), build{"me/echo", "1.0.0", "linux", "amd64", "", "", 10})
	pushed, err := c.Push(t.Context(), h.ref("me/echo"), []string{file})
	must(t, err)
	data, err = os.ReadFile(file)
	must(t, err)
	a := registry.Archive{Address: pushed[0].Variant.URL, Named: pushed[0].Variant.URL}

	path = "/blob"
	err = c.Fetch(t.Context(), a, filepath.Join(t.TempDir(), "x"), nil)
	says(t, err, sdk.CodeInvalid, "private or reserved network") // the operator named the registry, and nobody its storage
	c.Downloads.Web.Private = []string{storage.URL}
	to := filepath.Join(t.TempDir(), "x")
	must(t, c.Fetch(t.Context(), a, to, nil))
	same(t, to, file)
	path = "/asks"
	err = c.Fetch(t.Context(), a, filepath.Join(t.TempDir(), "x"), nil)
	says(t, err, sdk.CodeUnauthorized, "docker login")
	n := 0
	seen.Range(func(header, _ any) bool {
		if n++; header != "" {
			t.Errorf("the storage was told %q", header)
		}
		return true
	})
	if n == 0 {
		t.Error("the storage was not asked")
	}
}

// TestNotNamed: what nobody of this machine named is not called in a private network.
func TestNotNamed(t *testing.T) {
	h := newHub(t, "", func(w http.ResponseWriter, r *http.Request) bool {
		t.Error("it was called")
		return false
	})
	c := client(t, nil)
	_, err := c.Resolve(t.Context(), h.ref("me/echo:1.0.0"), false)
	says(t, err, sdk.CodeInvalid, "private or reserved network")
	err = c.Fetch(t.Context(), registry.Archive{Address: h.ref("me/echo:1.0.0"), Named: "https://plugins.example.com/"}, filepath.Join(t.TempDir(), "x"), nil)
	says(t, err, sdk.CodeInvalid, "private or reserved network")
}

// TestWrongArtifacts: what lies there is not believed.
func TestWrongArtifacts(t *testing.T) {
	key := newKey(t)
	good := pack(t, key, build{"me/echo", "1.0.0", "linux", "amd64", "", "", 10})
	for name, test := range map[string]struct {
		change func(path, body string) string // of what the hub answers
		words  string
	}{
		"a changed manifest": {func(_, body string) string { return strings.Replace(body, `"me/echo"`, `"me/ecco"`, 1) }, "cannot be used"},
		"a changed plugin.json": {func(_, body string) string {
			return strings.Replace(body, `"kinds":["engine"]`, `"kinds":["import"]`, 1)
		}, "cannot be used"},
		"another platform": {func(_, body string) string {
			return strings.Replace(body, `"architecture":"amd64"`, `"architecture":"arm64"`, 1)
		}, "linux/arm64 that is for linux/amd64"},
		"no JSON": {func(path, body string) string { return strings.Repeat("x", len(body)) }, ""},
		"an image": {func(path, body string) string {
			return strings.ReplaceAll(body, "vnd.enginebay.plugin.manifest.v1", "vnd.oci.image.config.v1+1234567")
		}, ""},
		"endless": {func(path, body string) string { return body + strings.Repeat(" ", 5<<20) }, ""},
		"nothing in the version": {func(path, body string) string {
			return strings.Replace(body, `"manifests":[{`, `"manifests":[],"x":[{`, 1)
		}, "0 manifests"},
	} {
		t.Run(name, func(t *testing.T) {
			var changing bool
			h := newHub(t, "", nil)
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				forward(t, h, w, r, func(body string) string {
					if changing {
						return test.change(r.URL.Path, body)
					}
					return body
				})
			}))
			defer front.Close()
			host := strings.TrimPrefix(front.URL, "http://")
			c := client(t, nil)
			_, err := c.Push(t.Context(), h.ref("me/echo"), []string{good})
			must(t, err)
			_, err = c.Resolve(t.Context(), "oci://"+host+"/me/echo:1.0.0", true)
			must(t, err)
			changing = true
			_, err = c.Resolve(t.Context(), "oci://"+host+"/me/echo:1.0.0", true)
			says(t, err, sdk.CodeInvalid, test.words)
		})
	}
}

// forward hands a request on and changes the answer. The hash in the head goes, or else
// every change would be found by it.
func forward(t testing.TB, h *hub, w http.ResponseWriter, r *http.Request, change func(body string) string) {
	to, err := http.NewRequestWithContext(r.Context(), r.Method, h.URL+r.URL.Path, r.Body)
	must(t, err)
	to.Header = r.Header
	answer, err := http.DefaultTransport.RoundTrip(to)
	must(t, err)
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(t, err)
	w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
	w.WriteHeader(answer.StatusCode)
	_, _ = io.WriteString(w, change(string(body))) // who has seen enough leaves
}

// TestRegistryGone: errors have the next step.
func TestRegistryGone(t *testing.T) {
	h := newHub(t, "", nil)
	c := client(t, nil)
	_, err := c.Resolve(t.Context(), h.ref("me/echo:1.0.0"), true)
	says(t, err, sdk.CodeNotFound, "look at its name")
	_, err = c.Resolve(t.Context(), h.ref("me/echo"), true)
	says(t, err, sdk.CodeInvalid, "names no version")
	_, err = c.Push(t.Context(), h.ref("me/echo"), []string{filepath.Join(t.TempDir(), "none")})
	says(t, err, sdk.CodeInvalid, "cannot be published")
	h.Close()
	_, err = c.Resolve(t.Context(), h.ref("me/echo:1.0.0"), true)
	says(t, err, sdk.CodeUnavailable, "does not answer")
}
