package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

func newPluginRemove(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "remove PLUGIN[@VERSION]…",
		Aliases: []string{"rm", "uninstall"},
		Short:   "Remove plugins that were installed, or one version of them",
		Long: `Remove plugins with all their versions; with @VERSION only that one, which must not be the
one in use. What a person wrote into engines/NAME.json stays, and so do the publisher's keys
that are trusted.

A plugin that engines with a file of their own, or models, name is removed only with
--force: they cannot be used until it is installed again.`,
		Example: `  enginebay plugin remove acme/words
  enginebay plugin remove llamacpp@1.1.0 --yes`,
		Args:              needs("name one plugin, as in: enginebay plugin remove acme/words"),
		ValidArgsFunction: completeMoreInstalled(c),
		Annotations:       withoutServer,
	}
	var r removing
	cmd.Flags().BoolVar(&r.force, "force", false, "also where engines or models name it; models that it has loaded are stopped")
	cmd.Flags().BoolVarP(&r.yes, "yes", "y", false, "do not ask")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.withWorkshop(cmd, func(w *workshop) error {
			var done []removed
			for _, text := range args {
				one, err := w.remove(text, r)
				if err != nil {
					return err
				}
				if done = append(done, one); !*asJSON {
					fmt.Fprintf(cmd.OutOrStdout(), "%s is removed.%s\n", strings.TrimSpace(one.Name+" "+one.Version), one.next())
				}
			}
			if *asJSON {
				return printList(cmd.OutOrStdout(), done)
			}
			return nil
		})
	}
	return cmd
}

type removing struct{ force, yes bool }

// removed is what was removed, as --json prints it.
type removed struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"` // empty: all
	Counts  string `json:"counts,omitempty"`  // folder that counts for the name from now on
}

func (r removed) next() string {
	if r.Counts == "" {
		return ""
	}
	return " From now on that in " + r.Counts + " counts."
}

func (w *workshop) remove(text string, r removing) (removed, error) {
	name, version, one := strings.Cut(text, "@")
	p, _, err := w.installed(name)
	if err != nil {
		return removed{}, err
	}
	done := removed{Name: p.Name, Version: version}
	if !one {
		done.Counts = w.instead(p)
		if uses := w.uses(short(p.Name)); len(uses) > 0 && done.Counts == "" && !r.force {
			return done, sdk.Errorf(sdk.CodeInvalid, "%s is used by %s; change or remove that first, or add --force", p.Name, strings.Join(uses, ", "))
		}
	}
	if err := w.confirmRemoval(p, version, r.yes); err != nil {
		return done, err
	}
	if _, runs := serverOf(w.config.home); runs { // it stops what runs
		query := url.Values{"version": {version}, "force": {fmt.Sprint(r.force)}}
		_, err := w.config.client().call(w.cmd.Context(), http.MethodDelete, "/v1/plugins/"+url.PathEscape(short(p.Name))+"?"+query.Encode(), nil)
		return done, err
	}
	if one {
		return done, w.Remove(w.cmd.Context(), p.Name+"@"+version)
	}
	return done, w.Remove(w.cmd.Context(), p.Name)
}

// confirmRemoval asks. What cannot be removed is told before anybody is asked.
func (w *workshop) confirmRemoval(p install.Plugin, version string, yes bool) error {
	what := p.Name + " " + version
	if version == "" {
		var all []string
		for _, v := range p.Versions {
			all = append(all, v.Version)
		}
		what = fmt.Sprintf("%s (%s)", p.Name, strings.Join(all, ", "))
	} else if current(p).Version == version {
		return nil // Remove says why not
	}
	switch {
	case yes:
		return nil
	case !isTerminal(w.cmd.InOrStdin()):
		return fmt.Errorf("nobody is here to be asked; add --yes to remove %s", what)
	case !agreed(w.cmd, "Remove "+what+"? [y/N] ", false):
		return errors.New("nothing was removed")
	}
	return nil
}

// instead is the folder that counts once a plugin is not installed any more.
func (w *workshop) instead(p install.Plugin) string {
	for _, other := range w.host.All() {
		if other.Name == short(p.Name) && other.Digest == "" && other.Err == nil {
			return other.Dir
		}
	}
	return ""
}

// uses are the files that name a plugin: of engines and importers that a person
// wrote, and of models.
func (w *workshop) uses(plugin string) (uses []string) {
	home := w.config.home
	var ids []string
	for _, d := range core.Deployments(filepath.Join(home, "engines"), w.host.Plugins(), hclog.NewNullLogger()) {
		if d.Plugin != plugin {
			continue
		}
		if ids = append(ids, d.ID); d.File != "" && !install.MadeEngineFile(home, d.ID) {
			uses = append(uses, "engines/"+filepath.Base(d.File))
		}
	}
	for _, d := range core.ImporterFiles(filepath.Join(home, "importers"), nil, hclog.NewNullLogger()) {
		if d.Plugin == plugin && d.File != "" {
			uses = append(uses, "importers/"+filepath.Base(d.File))
		}
	}
	return append(uses, w.modelsOn(ids)...)
}

// modelsOn are the models that name one of the engines.
func (w *workshop) modelsOn(engines []string) (models []string) {
	if _, runs := serverOf(w.config.home); runs { // the folder is its own
		var list modelList
		if _, err := w.config.fetch(w.cmd, "/v1/models", false, &list); err == nil {
			for _, m := range list.Data {
				if m.Offer == nil && slices.Contains(engines, m.Engine) { // what the engine itself lists goes with it
					models = append(models, "model "+m.ID)
				}
			}
		}
		return models
	}
	dir := filepath.Join(w.config.home, "models")
	if _, err := os.Stat(dir); err != nil { // Open would make it
		return nil
	}
	all, err := store.Open(store.Config{Dir: dir, Further: w.config.roots(), Log: hclog.NewNullLogger()})
	if err != nil {
		return nil
	}
	defer all.Close()
	for _, m := range all.Models() {
		if slices.Contains(engines, m.Manifest.Engine) || slices.ContainsFunc(m.Manifest.Targets, func(t sdk.Target) bool { return slices.Contains(engines, t.Engine) }) {
			models = append(models, "model "+m.ID)
		}
	}
	return models
}
