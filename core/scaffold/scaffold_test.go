package scaffold_test

import (
	"go/format"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/scaffold"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// plugin is a new one of a kind.
func plugin(kind sdk.Kind) scaffold.Plugin {
	return scaffold.Plugin{Kind: kind, Name: "mine-2", Publisher: "acme", SDK: scaffold.SDK{Version: "v1.2.3"}}
}

func TestFilesAreSound(t *testing.T) {
	for _, kind := range []sdk.Kind{sdk.KindEngine, sdk.KindImporter} {
		t.Run(string(kind), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			files, err := scaffold.Write(dir, plugin(kind))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"go.mod", "plugin.json", "main.go", string(kind) + ".go", "settings.go", "settings.schema.json",
				string(kind) + "_test.go", "README.md", ".gitignore", ".ci/run", ".github/workflows/ci.yml", "licences/README.md"} {
				if !slices.Contains(files, name) {
					t.Errorf("there is no %s", name)
				}
			}
			for _, name := range files {
				sound(t, dir, name)
			}
		})
	}
}

// sound looks at one file as its readers will.
func sound(t *testing.T, dir, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "[[.") || strings.Contains(string(text), "<no value>") || len(text) == 0 {
		t.Errorf("%s is not filled in:\n%s", name, text)
	}
	switch {
	case name == "plugin.json":
		var manifest struct{ Name, Entry string }
		if err := schemas.Decode(schemas.Plugin(), name, text, &manifest); err != nil {
			t.Error(err)
		}
		if manifest.Name != "acme/mine-2" || !strings.HasSuffix(manifest.Entry, "-mine-2") {
			t.Errorf("plugin.json: %+v", manifest)
		}
	case name == ".ci/run":
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm()&0o111 == 0 {
			t.Errorf("%s is no program: %v", name, err)
		}
	case strings.HasSuffix(name, ".go"):
		if formatted, err := format.Source(text); err != nil || string(formatted) != string(text) {
			t.Errorf("%s is not as gofmt writes it: %v", name, err)
		}
	}
}

func TestModule(t *testing.T) {
	for name, test := range map[string]struct {
		sdk    scaffold.SDK
		module string
		want   []string
	}{
		"release":  {sdk: scaffold.SDK{Version: "v1.2.3"}, want: []string{"module example.com/acme/engine-mine-2\n", "require " + scaffold.SDKModule + " v1.2.3\n"}},
		"module":   {sdk: scaffold.SDK{Version: "v1.2.3"}, module: "git.acme.org/bay", want: []string{"module git.acme.org/bay\n"}},
		"checkout": {sdk: scaffold.Checkout("/src/bay"), want: []string{"replace " + scaffold.SDKModule + " => /src/bay\n"}},
		"spaces":   {sdk: scaffold.Checkout("/my src/bay"), want: []string{"replace " + scaffold.SDKModule + " => \"/my src/bay\"\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := plugin(sdk.KindEngine)
			p.SDK, p.Module = test.sdk, test.module
			if _, err := scaffold.Write(dir, p); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				if !strings.Contains(string(text), want) {
					t.Errorf("go.mod has no %q:\n%s", want, text)
				}
			}
			if test.sdk.Dir == "" && strings.Contains(string(text), "replace") {
				t.Errorf("a release needs no replace:\n%s", text)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for name, change := range map[string]func(*scaffold.Plugin){
		"empty name":      func(p *scaffold.Plugin) { p.Name = "" },
		"capitals":        func(p *scaffold.Plugin) { p.Name = "Mine" },
		"a digit first":   func(p *scaffold.Plugin) { p.Name = "2mine" },
		"a path":          func(p *scaffold.Plugin) { p.Name = "../mine" },
		"a dash at last":  func(p *scaffold.Plugin) { p.Name = "mine-" },
		"too long":        func(p *scaffold.Plugin) { p.Name = strings.Repeat("m", 41) },
		"wrong publisher": func(p *scaffold.Plugin) { p.Publisher = "ac/me" },
		"wrong module":    func(p *scaffold.Plugin) { p.Module = "x y\nreplace" },
		"wrong kind":      func(p *scaffold.Plugin) { p.Kind = "motor" },
	} {
		t.Run(name, func(t *testing.T) {
			p := plugin(sdk.KindEngine)
			change(&p)
			dir := filepath.Join(t.TempDir(), "new")
			if _, err := scaffold.Write(dir, p); err == nil {
				t.Error("it is written")
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("the folder was made")
			}
		})
	}
}

func TestAFolderWithSomethingInIt(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := scaffold.Write(dir, plugin(sdk.KindEngine)); err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("got %v", err)
	}
}
