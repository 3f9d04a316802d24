// Package scaffold writes the repository of a new plugin: a small one that works, for
// its author to change. Everything that it writes is in templates/.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"golang.org/x/mod/module"

	"github.com/enginebay/enginebay/sdk"
)

// A Plugin is what its author has to say of a new one.
type Plugin struct {
	Kind      sdk.Kind
	Name      string // short, as models and refs call it: "mine"
	Publisher string // before the short name: "acme"
	Module    string // Go module of the repository; empty: by publisher and name
	SDK       SDK
}

// Program is the name of the plugin's program, and of its repository.
func (p Plugin) Program() string { return string(p.Kind) + "-" + p.Name }

// TestFlags are what "plugin test" has to know of the plugin.
func (p Plugin) TestFlags() string {
	if p.Kind == sdk.KindEngine {
		return "--model testdata/boat"
	}
	return "--ref " + p.Name + "://tiny-guide --missing " + p.Name + "://tiny-giude --search tiny"
}

var names = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// maxName leaves room for what stands before and behind it in file names.
const maxName = 40

// complete fills in what was left out, and says what cannot be.
func (p Plugin) complete() (Plugin, error) {
	for what, name := range map[string]string{"name": p.Name, "publisher": p.Publisher} {
		if !names.MatchString(name) || len(name) > maxName {
			return p, fmt.Errorf("%s %q: take %d small letters, digits and single '-' at most, a letter first", what, name, maxName)
		}
	}
	if p.Kind != sdk.KindEngine && p.Kind != sdk.KindImporter {
		return p, fmt.Errorf("kind %q is neither engine nor importer", p.Kind)
	}
	if p.Module == "" {
		p.Module = "example.com/" + p.Publisher + "/" + p.Program()
	}
	return p, module.CheckImportPath(p.Module)
}

//go:embed all:templates
var templates embed.FS

// Write writes the repository into a folder, which must be new or empty, and returns
// the names of the files.
func Write(dir string, p Plugin) ([]string, error) {
	p, err := p.complete()
	if err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	} else if len(entries) > 0 {
		return nil, fmt.Errorf("folder %s is not empty; name another one with --dir", dir)
	}
	var written []string
	for _, part := range []string{"common", string(p.Kind)} {
		more, err := p.write(dir, path.Join("templates", part))
		if err != nil {
			return nil, err
		}
		written = append(written, more...)
	}
	slices.Sort(written)
	return written, nil
}

// write writes the templates below a folder of theirs.
func (p Plugin) write(dir, from string) (written []string, err error) {
	err = fs.WalkDir(templates, from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := p.fill(name)
		if err != nil {
			return err
		}
		rel := strings.TrimSuffix(strings.TrimPrefix(name, from+"/"), ".tmpl")
		written = append(written, rel)
		file := filepath.Join(dir, filepath.FromSlash(rel))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		return os.WriteFile(file, text, mode(text))
	})
	return written, err
}

// fill is a template with the plugin in it. Its marks are [[ ]], for {{ }} means
// something in workflows.
func (p Plugin) fill(name string) ([]byte, error) {
	t, err := template.New(path.Base(name)).Delims("[[", "]]").ParseFS(templates, name)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = t.Execute(&text, p)
	return text.Bytes(), err
}

// mode is that of a program for a script.
func mode(text []byte) fs.FileMode {
	if bytes.HasPrefix(text, []byte("#!")) {
		return 0o755
	}
	return 0o644
}
