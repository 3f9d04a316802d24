package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
)

// configFile is the operator's settings, in the home folder.
const configFile = "enginebay.yaml"

// config is the home folder and the settings: flags, over environment, over
// enginebay.yaml in the home folder, over defaults.
type config struct {
	home    string // absolute
	noStart bool   // no server in the background
	settings
	values values         // what settings was made from
	flags  map[string]any // settings that were given as flags
}

// file is where the settings may stand.
func (c *config) file() string { return filepath.Join(c.home, configFile) }

// load fills in what the flags left open.
func (c *config) load() (err error) {
	if err := c.findHome(); err != nil {
		return err
	}
	c.values, c.settings, err = c.read()
	return err
}

// findHome fills in the home folder where the flags left it open.
func (c *config) findHome() error {
	home, err := store.ExpandHome(firstOf(c.home, os.Getenv("ENGINEBAY_HOME"), "~/.enginebay")) // --home=~/x, which a shell leaves as it is
	if err != nil {
		return fmt.Errorf("no home folder: %w; name one with --home DIR", err)
	}
	c.home, err = filepath.Abs(home)
	return err
}

// A value is that of one setting, and where it comes from.
type value struct {
	Value any    `json:"value"` // as schemas.ParseYAML makes it
	From  string `json:"from"`  // "default", FILE:LINE, a variable of the environment, or a flag
}

// values are those of all settings by key.
type values map[string]value

// read brings the layers together. c is not changed: it may be in use. With a
// [fileFault] comes all that is not at fault.
func (c *config) read() (values, settings, error) {
	all := values{}
	for key, standard := range schemas.Config().Defaults() {
		all[key] = value{standard, "default"}
	}
	fault := all.file(c.file())
	for _, key := range settingKeys() {
		if text := os.Getenv(settingVariable(key)); text != "" {
			v, err := fromText(key, text)
			if err != nil {
				return nil, settings{}, fmt.Errorf("%s: %w", settingVariable(key), err)
			}
			all[key] = value{v, settingVariable(key)}
		}
		if v, ok := c.flags[key]; ok {
			all[key] = value{v, "--" + flagName(key)}
		}
	}
	s, err := all.settings()
	if err == nil && fault != nil && !errors.Is(fault, fs.ErrNotExist) {
		err = fileFault{fault}
	}
	return all, s, err
}

// file reads enginebay.yaml strictly: a misspelt key would be a setting that is
// silently not there. The settings that are right are read all the same.
func (v values) file(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	doc, err := schemas.ParseYAML(file, data)
	if err != nil {
		return err
	}
	for key, content := range doc.Value {
		if len(schemas.Config().Validate(map[string]any{key: content})) == 0 {
			line, _ := doc.Place(schemas.Pointer(key))
			v[key] = value{content, fmt.Sprintf("%s:%d", file, line)}
		}
	}
	return doc.Validate(schemas.Config()).Err()
}

// settings are the values with Go's types. The schema has checked their forms.
func (v values) settings() (s settings, err error) {
	plain := map[string]any{}
	for key, value := range v {
		plain[key] = value.Value
	}
	data, err := json.Marshal(plain)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("settings: %w", err)
	}
	s.Addr = strings.TrimSuffix(strings.TrimPrefix(s.Addr, "http://"), "/")
	for i, dir := range s.PluginDirs {
		if s.PluginDirs[i], err = store.ExpandHome(dir); err != nil {
			return s, err
		}
	}
	return s, nil
}

// plugins are the folders that are searched: the operator's, the home's, then
// what came along with the program, which is where a build puts them.
func (c *config) plugins() []string {
	dirs := append(append([]string{}, c.PluginDirs...), filepath.Join(c.home, "plugins"))
	exe, err := os.Executable()
	if err != nil {
		return dirs
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	return append(dirs, filepath.Join(filepath.Dir(exe), "plugins"))
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// defaultAddr is the address where nothing says another.
func defaultAddr() string { return schemas.Config().Defaults()["addr"].(string) }
