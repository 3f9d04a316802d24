package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

const defaultAddr = "127.0.0.1:1337"

// config is the operator's settings: flags, over environment, over
// enginebay.yaml in the home folder, over defaults.
type config struct {
	home    string // absolute
	noStart bool   // no server in the background

	Addr       string   `yaml:"addr"`        // HOST:PORT to listen on and to call
	HostNames  []string `yaml:"host_names"`  // further names that a Host header may say
	PluginDirs []string `yaml:"plugin_dirs"` // folders of plugin folders, before those in the home
	PluginEnv  []string `yaml:"plugin_env"`  // environment variables that plugins may see besides the usual ones
	LogLevel   string   `yaml:"log_level"`   // trace, debug, info, warn, error
}

// findHome fills in the home folder where the flags left it open.
func (c *config) findHome() error {
	if c.home == "" {
		c.home = os.Getenv("ENGINEBAY_HOME")
	}
	user, err := os.UserHomeDir()
	switch rest, tilde := strings.CutPrefix(c.home, "~/"); {
	case err != nil && (c.home == "" || tilde):
		return fmt.Errorf("no home folder: %w; name one with --home DIR", err)
	case c.home == "":
		c.home = filepath.Join(user, ".enginebay")
	case tilde: // --home=~/x, which a shell leaves as it is
		c.home = filepath.Join(user, rest)
	}
	home, err := filepath.Abs(c.home)
	if err != nil {
		return err
	}
	c.home = home
	return nil
}

// load fills in what the flags left open.
func (c *config) load(cmd *cobra.Command) error {
	if err := c.findHome(); err != nil {
		return err
	}
	file, err := readConfig(filepath.Join(c.home, "enginebay.yaml"))
	if err != nil {
		return err
	}
	c.Addr = strings.TrimSuffix(strings.TrimPrefix(firstOf(c.Addr, os.Getenv("ENGINEBAY_ADDR"), file.Addr, defaultAddr), "http://"), "/")
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		return fmt.Errorf("address %q is not HOST:PORT, as in %s", c.Addr, defaultAddr)
	}
	c.LogLevel = firstOf(c.LogLevel, os.Getenv("ENGINEBAY_LOG"), file.LogLevel, "info")
	c.HostNames = append(c.HostNames, file.HostNames...)
	c.PluginEnv = file.PluginEnv
	c.PluginDirs = append(c.PluginDirs, file.PluginDirs...)
	return nil
}

// readConfig reads the file strictly: a misspelt key would be a setting that is
// silently not there.
func readConfig(file string) (config, error) {
	var c config
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("%s: %w; known keys are addr, host_names, plugin_dirs, plugin_env, log_level", file, err)
	}
	return c, nil
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
