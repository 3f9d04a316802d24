package api_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/registry"
)

// A depot is a signed registry in a folder, which an operator has configured, with
// versions of the fake engine.
type depot struct {
	dir            string
	key, publisher minisign.SecretKey
}

func newDepot(t testing.TB, home string) *depot {
	t.Helper()
	d := &depot{dir: filepath.Join(t.TempDir(), "registry"), key: newKey(t), publisher: publisher()}
	must(t, registry.WriteSources(home, []registry.Source{{Name: "main", URL: d.dir, Key: d.key.Public().String()}}))
	return d
}

// publisher is the key that all depots' packages are signed with, so that each is
// made once.
var publisher = sync.OnceValue(func() minisign.SecretKey {
	key, err := minisign.GenerateKey()
	if err != nil {
		panic(err)
	}
	return key
})

func newKey(t testing.TB) minisign.SecretKey {
	t.Helper()
	key, err := minisign.GenerateKey()
	must(t, err)
	return key
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A parcel is a package of the fake engine to be made.
type parcel struct {
	version  string
	name     string              // "enginebay/echo" where empty
	program  string              // version that the program says; the package's where empty
	strict   bool                // its Configure refuses "offers"
	os       string              // this machine's where empty
	key      *minisign.SecretKey // the depot's publisher's where nil
	unsigned bool
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// publish puts parcels into the registry.
func (d *depot) publish(t testing.TB, parcels ...parcel) {
	t.Helper()
	p := registry.Publication{}
	for _, one := range parcels {
		file, _ := d.pack(t, one)
		p.Archives = append(p.Archives, file)
	}
	d.change(t, p)
}

// change publishes.
func (d *depot) change(t testing.TB, p registry.Publication) {
	t.Helper()
	p.Key, p.Name = d.key, "main"
	p.Publishers = map[string]registry.Publisher{"enginebay": {Name: "Engine Bay", Keys: []string{d.publisher.Public().String()}}}
	_, err := registry.New(registry.Config{}).Publish(t.Context(), d.dir, p)
	must(t, err)
}

// packed are the archives that were made.
var packed = map[parcel]struct{ file, digest string }{}

// pack makes the archive of a parcel, and its digest.
func (d *depot) pack(t testing.TB, p parcel) (file, digest string) {
	t.Helper()
	if made, ok := packed[p]; ok {
		return made.file, made.digest
	}
	tree := t.TempDir()
	must(t, os.CopyFS(tree, os.DirFS(filepath.Join(plugins, "engine-echo"))))
	text, err := os.ReadFile(filepath.Join(tree, "plugin.json"))
	must(t, err)
	var manifest map[string]any
	must(t, json.Unmarshal(text, &manifest))
	manifest["version"], manifest["name"] = p.version, or(p.name, "enginebay/echo")
	manifest["platform"] = map[string]any{"os": or(p.os, runtime.GOOS), "arch": runtime.GOARCH}
	manifest["permissions"] = map[string]any{"network": []string{"words.example.com"}}
	text, err = json.Marshal(manifest)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(tree, "plugin.json"), text, 0o600))
	binary, err := os.ReadFile(program(t, or(p.program, p.version), p.strict))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(tree, "bin", "engine-echo"), binary, 0o700))
	pkg, err := packages.Seal(tree)
	must(t, err)
	if !p.unsigned {
		key := d.publisher
		if p.key != nil {
			key = *p.key
		}
		_, err = packages.Sign(tree, key)
		must(t, err)
	}
	f, err := os.CreateTemp(programsDir(), "*.tar.zst")
	must(t, err)
	defer f.Close()
	must(t, packages.Pack(tree, f))
	packed[p] = struct{ file, digest string }{f.Name(), pkg.Digest}
	return f.Name(), pkg.Digest
}

// programsDir is where versions of the fake engine are built and packed, each once.
var programsDir = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "api-programs")
	if err != nil {
		panic(err)
	}
	return dir
})

// program is the fake engine that says to be of a version.
func program(t testing.TB, version string, strict bool) string {
	t.Helper()
	if version == "0.1.0" && !strict {
		return filepath.Join(plugins, "engine-echo", "bin", "engine-echo")
	}
	file := filepath.Join(programsDir(), fmt.Sprint(version, "-", strict))
	if _, err := os.Stat(file); err == nil {
		return file
	}
	source, err := filepath.Abs("../../examples/engine-echo")
	must(t, err)
	changes := map[string]string{filepath.Join(source, "main.go"): replaced(t, "main.go", `"0.1.0"`, `"`+version+`"`)}
	if strict {
		changes[filepath.Join(source, "engine.go")] = replaced(t, "engine.go", `	crashIf(s.CrashOn == "configure")`,
			`	if len(s.Offers) > 0 { return sdk.Errorf(sdk.CodeInvalid, "no offers are taken any more") }`)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": changes})
	must(t, err)
	must(t, os.WriteFile(file+".json", overlay, 0o600))
	out, err := exec.Command("go", "build", "-overlay", file+".json", "-ldflags", "-s -w", "-o", file, source).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// replaced is a source of the fake engine with another text in it.
func replaced(t testing.TB, name, old, new string) (file string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../examples/engine-echo", name))
	must(t, err)
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s has no %q", name, old)
	}
	file = filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(file, []byte(strings.Replace(string(text), old, new, 1)), 0o600))
	return file
}

// digestOf is what a plan says.
func (b *bay) digestOf(t testing.TB, source, more string) string {
	t.Helper()
	status, body := b.do("POST", "/v1/plugins", fmt.Sprintf(`{"source": %q%s}`, source, more))
	var plan struct{ Object, Digest string }
	if err := json.Unmarshal([]byte(body), &plan); err != nil || status != 200 || plan.Object != "plugin.plan" || plan.Digest == "" {
		t.Fatalf("the plan of %s is %d %s", source, status, body)
	}
	return plan.Digest
}

// install installs in two steps what has to go well.
func (b *bay) install(t testing.TB, source string) {
	t.Helper()
	digest := b.digestOf(t, source, "")
	if status, body := b.do("POST", "/v1/plugins", fmt.Sprintf(`{"source": %q, "accept": %q}`, source, digest)); status != 200 {
		t.Fatalf("install of %s: %d %s", source, status, body)
	}
}
