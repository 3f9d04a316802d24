package core

import (
	"context"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/pluginhost"
)

// An InstallerConfig says what an installer of plugins works with.
type InstallerConfig struct {
	Home      string
	Version   string                                                           // of the program
	Host      *pluginhost.Host                                                 // tries what is about to be installed
	Downloads func() Downloads                                                 // as they are now
	Unsigned  string                                                           // unsigned_plugins of enginebay.yaml
	Probe     func(ctx context.Context, dir string, m packages.Manifest) error // nil: Host.Probe
	Log       hclog.Logger
}

// NewInstaller makes what installs plugins, of the server as of a command beside it.
func NewInstaller(c InstallerConfig) (*install.Installer, error) {
	if c.Probe == nil {
		c.Probe = c.Host.Probe
	}
	return install.Open(install.Config{Home: c.Home, Beside: func() []packages.Manifest { return manifests(c.Host) }, Core: c.Version, Unsigned: install.Policy(c.Unsigned), Probe: c.Probe, Log: c.Log.Named("install"),
		Downloads: func() download.Config { return c.Downloads().Config(c.Log) }})
}

// manifests are those of the plugins that a host finds.
func manifests(host *pluginhost.Host) (all []packages.Manifest) {
	for _, p := range host.Plugins() {
		all = append(all, p.Manifest)
	}
	return all
}

// Installer is what installs plugins into the runtime's home. What becomes current
// there counts at once.
func (r *Runtime) Installer() *install.Installer { return r.installer }
