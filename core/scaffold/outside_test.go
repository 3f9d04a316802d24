package scaffold_test

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"github.com/enginebay/enginebay/core/scaffold"
	"github.com/enginebay/enginebay/sdk"
)

const (
	root = "../.."
	// release is the version that the working tree is served as.
	release = "v0.99.0"
)

// TestOutside: an author elsewhere, who has nothing but the SDK's version, gets a plugin
// that builds and conforms, and of the core's modules none.
func TestOutside(t *testing.T) {
	o := outside{t, filepath.ToSlash(t.TempDir())}
	o.publish(filepath.Join(o.dir, "proxy"))
	for _, kind := range []sdk.Kind{sdk.KindEngine, sdk.KindImporter} {
		t.Run(string(kind), func(t *testing.T) {
			o := outside{t, o.dir}
			dir := filepath.Join(t.TempDir(), "new")
			p := plugin(kind)
			p.SDK = scaffold.SDK{Version: release}
			if _, err := scaffold.Write(dir, p); err != nil {
				t.Fatal(err)
			}
			o.do(dir, "mod", "tidy")
			o.do(dir, "vet", "./...")
			o.do(dir, "test", "./...")
			o.comesAlong(dir)
		})
	}
}

// outside is a machine that has Go, and no checkout of Engine Bay.
type outside struct {
	*testing.T
	dir string // its modules
}

// do runs go there, with the working tree as a release, and the modules that this
// machine has; it asks elsewhere only for what is missing.
func (o outside) do(dir string, args ...string) string {
	o.Helper()
	have := o.env("GOMODCACHE") + "/cache/download"
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOSUMDB=off", "GOMODCACHE="+o.dir+"/modules",
		"GOFLAGS=-modcacherw -trimpath", // the same in every folder, so that it is compiled once
		"GOPROXY=file://"+o.dir+"/proxy,file://"+filepath.ToSlash(have)+","+o.env("GOPROXY"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		o.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// env is what go says of this machine.
func (o outside) env(name string) string {
	o.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		o.Fatalf("go env %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// publish makes the files of a module proxy from the working tree.
func (o outside) publish(dir string) {
	o.Helper()
	at := filepath.Join(dir, filepath.FromSlash(scaffold.SDKModule), "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		o.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		o.Fatal(err)
	}
	info, err := json.Marshal(map[string]any{"Version": release, "Time": time.Now().UTC()})
	if err != nil {
		o.Fatal(err)
	}
	for name, text := range map[string]string{"list": release + "\n", release + ".info": string(info), release + ".mod": string(mod)} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o644); err != nil {
			o.Fatal(err)
		}
	}
	archive, err := os.Create(filepath.Join(at, release+".zip"))
	if err != nil {
		o.Fatal(err)
	}
	defer archive.Close()
	if err := modzip.Create(archive, module.Version{Path: scaffold.SDKModule, Version: release}, o.tree()); err != nil {
		o.Fatal(err)
	}
}

// tree are the files of the working tree that a release would have.
func (o outside) tree() (files []modzip.File) {
	o.Helper()
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		o.Fatalf("git ls-files: %v", err)
	}
	for name := range strings.SplitSeq(strings.Trim(string(out), "\x00"), "\x00") {
		if info, err := os.Lstat(filepath.Join(root, name)); err == nil && info.Mode().IsRegular() {
			files = append(files, source(name))
		}
	}
	return files
}

// source is a file of the working tree.
type source string

func (s source) Path() string                 { return string(s) }
func (s source) Lstat() (fs.FileInfo, error)  { return os.Lstat(filepath.Join(root, string(s))) }
func (s source) Open() (io.ReadCloser, error) { return os.Open(filepath.Join(root, string(s))) }

// needed are the modules that a plugin's program is made of: those of RPC.
var needed = []string{
	scaffold.SDKModule,
	"github.com/cenkalti/backoff/v5", // sdk/web
	"github.com/fatih/color", "github.com/hashicorp/go-hclog", "github.com/mattn/go-colorable", "github.com/mattn/go-isatty",
	"github.com/golang/protobuf", "github.com/hashicorp/go-plugin", "github.com/hashicorp/yamux", "github.com/oklog/run",
	"golang.org/x/net", "golang.org/x/sys", "golang.org/x/text",
	"google.golang.org/genproto/googleapis/rpc", "google.golang.org/grpc", "google.golang.org/protobuf",
}

// tested are those that come along with its tests: goroutines that leak are found, and
// plugin.json and the settings schema are read as the core reads them.
var tested = []string{"go.uber.org/goleak", "github.com/santhosh-tekuri/jsonschema/v5", "github.com/tailscale/hujson", "go.yaml.in/yaml/v3"}

// comesAlong looks at what a plugin's author gets with the SDK: what is compiled, what
// go.mod names, and what go.sum holds the code of.
func (o outside) comesAlong(dir string) {
	o.Helper()
	all := slices.Concat(needed, tested)
	o.compiled("the program", needed, "/sdk", o.list(dir))
	o.compiled("its tests", all, "/s", o.list(dir, "-test")) // sdk and schemas
	var mod struct{ Require []struct{ Path string } }
	if err := json.Unmarshal([]byte(o.do(dir, "mod", "edit", "-json")), &mod); err != nil {
		o.Fatal(err)
	}
	for _, r := range mod.Require {
		if !slices.Contains(all, r.Path) {
			o.Errorf("go.mod requires %s", r.Path)
		}
	}
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		o.Fatal(err)
	}
	var code []string
	for line := range strings.Lines(string(sums)) {
		words := strings.Fields(line)
		if strings.Contains(line, "gofiber") || strings.Contains(line, "fasthttp") {
			o.Errorf("go.sum has %s", line)
		}
		if !strings.HasSuffix(words[1], "/go.mod") && !slices.Contains(all, words[0]) {
			code = append(code, words[0])
		}
	}
	o.Logf("go.mod requires %d modules. Further modules whose code go.sum vouches for, for the tests of those, and that nobody compiles: %s",
		len(mod.Require), strings.Join(code, ", "))
}

// list are the packages of other modules, each behind its module.
func (o outside) list(dir string, flags ...string) string {
	o.Helper()
	args := slices.Concat([]string{"list", "-deps"}, flags, []string{"-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{$.ImportPath}}{{end}}{{end}}", "./..."})
	return o.do(dir, args...)
}

// compiled says which packages do not belong into what.
func (o outside) compiled(what string, modules []string, own, list string) {
	o.Helper()
	found := false
	for line := range strings.Lines(list) {
		path, pkg, _ := strings.Cut(strings.TrimSpace(line), " ")
		found = found || path == scaffold.SDKModule
		switch {
		case path == "":
		case !slices.Contains(modules, path):
			o.Errorf("package %s is compiled into %s", pkg, what)
		case path == scaffold.SDKModule && !strings.HasPrefix(pkg, scaffold.SDKModule+own):
			o.Errorf("package %s of the core is compiled into %s", pkg, what)
		}
	}
	if !found {
		o.Errorf("the SDK is not in %s:\n%s", what, list)
	}
}

// TestTheWorkingTreeIsAModule: a release can be had by "go get" only if Go can make an
// archive of it.
func TestTheWorkingTreeIsAModule(t *testing.T) {
	o := outside{t, t.TempDir()}
	o.publish(o.dir)
	archive, err := zip.OpenReader(filepath.Join(o.dir, filepath.FromSlash(scaffold.SDKModule), "@v", release+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	for _, want := range []string{"go.mod", "LICENSE", "sdk/plugin.go"} {
		name := fmt.Sprintf("%s@%s/%s", scaffold.SDKModule, release, want)
		if !slices.ContainsFunc(archive.File, func(f *zip.File) bool { return f.Name == name }) {
			t.Errorf("the module has no %s", want)
		}
	}
}
