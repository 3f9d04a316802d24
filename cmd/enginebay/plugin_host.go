package main

import (
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/pluginhost"
)

// pluginHost runs plugins as the server would, in a temporary folder: what runs is
// left alone. done stops them.
func (c *config) pluginHost() (host *pluginhost.Host, done func(), err error) {
	temp, err := os.MkdirTemp("", "enginebay")
	if err != nil {
		return nil, nil, err
	}
	host, err = pluginhost.New(pluginhost.Config{Plugins: core.PluginSources(c.home, c.plugins()), RunDir: filepath.Join(temp, "run"), DataDir: filepath.Join(temp, "data"),
		Version: version, Env: c.PluginEnv, Sandbox: c.PluginSandbox, Log: hclog.NewNullLogger()})
	if err != nil {
		os.RemoveAll(temp)
		return nil, nil, err
	}
	return host, func() { host.Close(); os.RemoveAll(temp) }, nil
}
