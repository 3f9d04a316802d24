package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/secret"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/core/workbench"
	"github.com/enginebay/enginebay/examples/models"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// A candidate is a plugin that is tested before anybody installs it.
type candidate struct {
	path        string // as the person named it
	subject     sdktest.Subject
	manifest    *packages.Manifest // nil: a program without a plugin.json
	description sdk.Description    // what it says itself
	words       []string           // what it wrote meanwhile
	err         error              // why it says nothing
}

// kinds are what it says that it is, or what its plugin.json does where it is silent.
func (p *candidate) kinds() []sdk.Kind {
	if p.err != nil && p.manifest != nil {
		return p.manifest.Kinds
	}
	return p.description.Kinds
}

// candidate finds the program of a plugin: in a folder, in a package, or the file itself.
func (t *trialOf) candidate(ctx context.Context, path, temp string) (*candidate, error) {
	p := &candidate{path: path}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no %s; name a plugin's program, its folder or its package", path)
	case err != nil:
		return nil, err
	case info.IsDir():
		err = p.fromSources(ctx, abs, temp)
	case strings.HasSuffix(path, packages.Extension):
		err = p.unpacked(ctx, abs, temp)
	default:
		err = p.program(abs)
	}
	if err != nil {
		return nil, err
	}
	p.subject.Env, p.subject.Rounds = t.environment(p), t.rounds
	if p.manifest != nil && !t.free {
		p.subject.Confine = func(run, data string) (sdktest.Confinement, error) { return t.confine(p, run, data, temp) }
	}
	return p, nil
}

// fromSources is the plugin of a folder, built where that has its sources: what is tested
// is what they say now, and what a package would have.
func (p *candidate) fromSources(ctx context.Context, dir, temp string) error {
	m, err := packages.ReadManifest(dir)
	if err != nil {
		return p.inFolder(dir) // which says what is wrong
	}
	command, err := workbench.Command(dir, m)
	if err != nil || command == nil {
		return errors.Join(err, p.inFolder(dir))
	}
	made := filepath.Join(temp, "package")
	if err := os.Mkdir(made, 0o700); err != nil {
		return err
	}
	if _, err := workbench.Stage(ctx, dir, made, workbench.Packing{}); err != nil {
		return fmt.Errorf("build %s: %w", p.path, err)
	}
	return p.inFolder(made)
}

// inFolder is the plugin of a folder with a plugin.json.
func (p *candidate) inFolder(dir string) error {
	m, err := packages.ReadManifest(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s has no plugin.json, which says what the plugin is and which program it has; name its program instead, or add the file", p.path)
	}
	if err != nil {
		return err
	}
	p.manifest = &m
	p.subject.Package = dir
	p.subject.Path = filepath.Join(dir, filepath.FromSlash(m.EntryOn(runtime.GOOS)))
	if _, err := os.Stat(p.subject.Path); err != nil {
		return fmt.Errorf("%s: plugin.json names the program %s, which is not there; build it first", p.path, m.Entry)
	}
	return nil
}

// unpacked is the plugin of a package: only what is whole is tested.
func (p *candidate) unpacked(ctx context.Context, file, temp string) error {
	dir := filepath.Join(temp, "package")
	if _, _, err := packages.UnpackFile(ctx, file, dir); err != nil {
		return fmt.Errorf("%s: %w", p.path, err)
	}
	return p.inFolder(dir)
}

// confine holds a process of the plugin in the sandbox that the server has for it.
func (t *trialOf) confine(p *candidate, run, data, temp string) (sdktest.Confinement, error) {
	models := []string{temp}
	if t.model != "" {
		if dir, err := filepath.Abs(t.model); err == nil {
			models = append(models, dir)
		}
	}
	d := pluginhost.Deployment{Plugin: p.manifest.Short(), Env: map[string]string{}}
	if settings, err := settingsOf("--settings", t.settings); err == nil && len(settings) > 0 {
		_ = json.Unmarshal(settings, &d.Settings) // it is an object
	}
	for _, variable := range t.env {
		name, value, _ := strings.Cut(variable, "=")
		d.Env[name] = value
	}
	c, err := pluginhost.Confine(p.subject.Package, run, data, models, d, hclog.NewNullLogger())
	return sdktest.Confinement(c), err
}

// program is a plugin that is a file. Where a plugin.json lies beside it, or beside the
// folder bin in which it lies, and names it, that counts too.
func (p *candidate) program(file string) error {
	p.subject.Path = file
	p.subject.Package = filepath.Join(filepath.Dir(file), "no plugin.json")
	for _, dir := range []string{filepath.Dir(file), filepath.Dir(filepath.Dir(file))} {
		other := &candidate{path: p.path}
		if other.inFolder(dir) == nil && other.subject.Path == file {
			*p = *other
		}
	}
	return nil
}

// environment are the variables that the plugin has beside those of all.
func (t *trialOf) environment(p *candidate) []string {
	var env []string
	if p.manifest != nil {
		for _, name := range p.manifest.Environment {
			if value, ok := os.LookupEnv(name); ok {
				env = append(env, name+"="+value)
			}
		}
	}
	return append(env, t.env...)
}

// modelOf is what an engine is tried with: the model of --model, or a tiny one.
func (t *trialOf) modelOf(p *candidate, temp string) (sdk.Model, error) {
	if t.model != "" {
		return readModel(t.model, temp)
	}
	var formats []string
	if p.manifest != nil {
		formats = p.manifest.Formats
	}
	dir := filepath.Join(temp, "models", "tiny-guide")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return sdk.Model{}, err
	}
	switch {
	case len(formats) == 0 || slices.Contains(formats, "gguf"):
		file := filepath.Join(dir, "tiny-guide.gguf")
		return sdk.Model{ID: "tiny-guide", Dir: dir, Files: []string{file}, Manifest: sdk.Manifest{Name: "Tiny Guide", Format: "gguf"}},
			os.WriteFile(file, models.TinyGuide, 0o600)
	case slices.Contains(formats, "api"):
		return sdk.Model{ID: "remote", Dir: dir, Manifest: sdk.Manifest{Name: "Remote", Format: "api"}}, nil
	}
	return sdk.Model{}, nil
}

// readModel reads a model's folder as the store does, without touching it.
func readModel(path, temp string) (sdk.Model, error) {
	dir, err := filepath.Abs(path)
	if err != nil {
		return sdk.Model{}, err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return sdk.Model{}, fmt.Errorf("--model %s: it is no folder; name the one in which the model's files lie", path)
	}
	further := filepath.Join(temp, "further")
	link := filepath.Join(further, filepath.Base(dir))
	if err := errors.Join(os.MkdirAll(further, 0o700), os.Symlink(dir, link)); err != nil { // so that the folders beside it are not read
		return sdk.Model{}, err
	}
	s, err := store.Open(store.Config{Dir: filepath.Join(temp, "store"), Log: hclog.NewNullLogger(), Further: []store.Root{{Dir: further}}})
	if err != nil {
		return sdk.Model{}, err
	}
	defer s.Close()
	if len(s.Models()) == 0 {
		return sdk.Model{}, fmt.Errorf("--model %s: there is no model in it; put weights and a model.json there, as in examples/models", path)
	}
	m := s.Models()[0]
	switch {
	case m.Err != nil:
		return sdk.Model{}, fmt.Errorf("--model %s: %w", path, m.Err)
	case !m.Ready && !m.Remote():
		return sdk.Model{}, fmt.Errorf("--model %s: it lacks %s", path, strings.Join(m.Missing, ", "))
	}
	return inPlace(m.Request(), link, dir), nil
}

// inPlace is a model whose paths begin with another folder.
func inPlace(m sdk.Model, from, to string) sdk.Model {
	move := func(path string) string {
		if rel, err := filepath.Rel(from, path); err == nil && filepath.IsLocal(rel) {
			return filepath.Join(to, rel)
		}
		return path
	}
	files := slices.Clone(m.Files)
	for i, file := range files {
		files[i] = move(file)
	}
	m.Dir, m.Files = move(m.Dir), files
	if m.MMProj != "" {
		m.MMProj = move(m.MMProj)
	}
	return m
}

// settingsOf reads settings from a flag: a JSON object, or a file of one.
func settingsOf(flag, text string) (json.RawMessage, error) {
	if text == "" {
		return nil, nil
	}
	name, data := flag, []byte(text)
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		var err error
		if data, err = os.ReadFile(text); err != nil {
			return nil, fmt.Errorf("%s: give a JSON object, or a file with one: %w", flag, err)
		}
		name = text
	}
	doc, err := schemas.Parse(name, data)
	if err != nil {
		return nil, err
	}
	return json.Marshal(doc.Value)
}

// secretsOf finds what NAME=REFERENCE lead to.
func secretsOf(flags []string) (map[string]string, error) {
	secrets := map[string]string{}
	for _, flag := range flags {
		name, ref, ok := strings.Cut(flag, "=")
		if !ok || name == "" || !secret.IsReference(ref) {
			return nil, fmt.Errorf("--secret %s: write NAME=env:VARIABLE, NAME=file:PATH or NAME=keyring:SERVICE/NAME; a secret itself does not belong on a command line", name)
		}
		value, err := secret.Resolve(ref)
		if err != nil {
			return nil, fmt.Errorf("--secret %s: %w", name, err)
		}
		secrets[name] = value
	}
	return secrets, nil
}
