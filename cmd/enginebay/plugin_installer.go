package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// workshop is what a command that installs plugins works with, in this home.
type workshop struct {
	*install.Installer
	config *config
	cmd    *cobra.Command
	host   *pluginhost.Host
	again  bool // what is there already is fetched all the same
}

// withWorkshop opens the workshop for f. Who may write in the home may install there,
// whether a server runs or not; it follows by itself.
func (c *config) withWorkshop(cmd *cobra.Command, f func(*workshop) error) error {
	if !c.serves() {
		return fmt.Errorf("the server at %s is not that of %s: install plugins on its machine, or by its API (POST /v1/plugins); to work on this home beside it add --addr with an address where no server is", c.Addr, c.home)
	}
	host, done, err := c.pluginHost()
	if err != nil {
		return err
	}
	defer done()
	w := &workshop{config: c, cmd: cmd, host: host}
	w.Installer, err = core.NewInstaller(core.InstallerConfig{Home: c.home, Version: version, Host: host, Unsigned: c.UnsignedPlugins, Probe: w.probe,
		Downloads: c.fetching, Log: hclog.NewNullLogger()})
	if err != nil {
		return err
	}
	return f(w)
}

// probe tries what is about to be installed: as every install does, and where no
// server runs that would try them also with the settings of its deployments.
func (w *workshop) probe(ctx context.Context, dir string, m packages.Manifest) error {
	if err := w.host.Probe(ctx, dir, m); err != nil {
		return err
	}
	if _, runs := serverOf(w.config.home); runs || !m.Is(sdk.KindEngine) {
		return nil
	}
	for _, d := range core.Deployments(filepath.Join(w.config.home, "engines"), w.host.Plugins(), hclog.NewNullLogger()) {
		if d.Plugin != m.Short() || d.Err != nil { // what cannot be used by no version says nothing of this one
			continue
		}
		candidate := d.Deployment
		candidate.Folder = pluginhost.Folder{Dir: dir}
		err := w.host.Try(ctx, candidate)
		if err == nil {
			continue
		}
		if w.host.Try(ctx, d.Deployment) == nil {
			return sdk.Errorf(sdk.CodeOf(err), "with the settings of engines/%s.json it does not come up, and the version that is there does: %v", d.ID, err)
		}
		fmt.Fprintf(w.cmd.ErrOrStderr(), "warning: with engines/%s.json it does not come up, nor does the version that is there: %v\n", d.ID, err)
	}
	return nil
}

// warn prints sentences that are no errors.
func (w *workshop) warn(warnings []string) {
	for _, text := range warnings {
		fmt.Fprintln(w.cmd.ErrOrStderr(), "warning:", text)
	}
}

// onScreen is a line that shows how far something is, on a terminal; close takes it away.
type onScreen struct{ screen *screen }

func newOnScreen(cmd *cobra.Command) onScreen { return onScreen{newScreen(cmd.ErrOrStderr())} }

func (o onScreen) show(name string, p install.Progress) {
	if o.screen == nil {
		return
	}
	columns, _ := o.screen.size()
	d := &download{Phase: p.Step, Done: p.Done, Total: p.Total, Speed: p.Speed, ETA: int64(p.ETA.Seconds())}
	o.screen.paint(barLines([]progressBar{{name, d}}, columns))
}

func (o onScreen) close() {
	if o.screen != nil {
		o.screen.clear()
	}
}

// relative is a path as a person would type it here.
func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
