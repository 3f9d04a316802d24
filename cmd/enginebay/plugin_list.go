package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/install"
)

func newPluginList(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the plugins that are here: installed, put in by hand, or come along",
		Long: `List the plugins that are found: those that were installed, folders in HOME/plugins, those
of --plugin-dir and plugin_dirs, and those beside the program. SOURCE says where each is
from. Of several of one name only the one that counts is listed, and what goes before an
installed one is said below, as are versions that did not come up, with the reason.

--versions lists all versions that are installed; --outdated asks the registries for newer
ones.`,
		Example: `  enginebay plugin list
  enginebay plugin list --outdated
  enginebay plugin list --versions
  enginebay plugin list --json | jq -r '.data[] | select(.state != "ready") | .name'`,
		Args:        cobra.NoArgs,
		Annotations: withoutServer,
	}
	outdated := cmd.Flags().Bool("outdated", false, "only those of which a registry has a newer version")
	versions := cmd.Flags().Bool("versions", false, "all versions that are installed")
	exclusive(cmd, "outdated", "versions")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *outdated {
			return c.withWorkshop(cmd, func(w *workshop) error { return w.outdated(*asJSON) })
		}
		all, err := c.listedPlugins(cmd)
		switch {
		case err != nil:
			return err
		case *asJSON:
			return printList(cmd.OutOrStdout(), all)
		case *versions:
			printVersions(cmd, all)
		default:
			printPlugins(cmd, all)
		}
		return nil
	}
	return cmd
}

func printPlugins(cmd *cobra.Command, all []listedPlugin) {
	if len(all) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "No plugins. To install one: enginebay plugin install NAME; to find one: enginebay plugin search")
		return
	}
	var rows [][]string
	for _, p := range all {
		rows = append(rows, []string{p.Name, dash(p.Version), dash(kindsText(p.Kinds)), p.stateText(), dash(p.Variant), p.sourceText()})
	}
	table(cmd.OutOrStdout(), []string{"PLUGIN", "VERSION", "KIND", "STATE", "VARIANT", "SOURCE"}, rows)
	for _, p := range all {
		for _, note := range p.notes() {
			fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: %s\n", p.Name, note)
		}
	}
}

func (p listedPlugin) stateText() string {
	text := strings.ReplaceAll(string(p.State), "_", " ")
	if p.Pinned && p.installed() {
		text += ", pinned"
	}
	return text
}

// sourceText is where a plugin is from, as short as it can be said.
func (p listedPlugin) sourceText() string {
	switch {
	case p.installed() && p.Source != "":
		return p.Source
	case p.Origin == originBundled:
		return "beside the program"
	case p.Origin == originDev:
		return p.Dir + " (plugin dev)"
	}
	return p.Dir
}

// notes are what does not fit into a row.
func (p listedPlugin) notes() (notes []string) {
	if p.Error != "" {
		notes = append(notes, p.Error)
	}
	if p.Current != "" && !p.installed() {
		notes = append(notes, fmt.Sprintf("%s %s is installed, but this goes before it; see enginebay plugin why %s", cmp.Or(p.Installed, p.FullName), p.Current, p.Name))
	}
	for _, v := range p.Versions {
		if v.Refused != "" {
			notes = append(notes, fmt.Sprintf("version %s did not come up: %s", v.Version, v.Refused))
		}
	}
	return notes
}

func printVersions(cmd *cobra.Command, all []listedPlugin) {
	var rows [][]string
	for _, p := range all {
		for _, v := range p.Versions {
			rows = append(rows, []string{p.Name, v.Version, versionState(v), v.Variant, sourceOf(v), humanize.Bytes(uint64(v.Size)), humanize.Time(v.Installed), digestText(v.Digest)})
		}
	}
	if len(rows) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "Nothing is installed. To install a plugin: enginebay plugin install NAME")
		return
	}
	table(cmd.OutOrStdout(), []string{"PLUGIN", "VERSION", "STATE", "VARIANT", "SOURCE", "SIZE", "INSTALLED", "DIGEST"}, rows)
	for _, p := range all {
		for _, v := range p.Versions {
			if v.Refused != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "\n%s %s did not come up: %s\n", p.Name, v.Version, v.Refused)
			}
		}
	}
}

func versionState(v install.Version) string {
	switch {
	case v.Current:
		return "in use"
	case v.Refused != "":
		return "did not come up"
	case v.Previous:
		return "before"
	}
	return "kept"
}

func sourceOf(v install.Version) string { return dash(v.Source) }

// digestText are the digits by which "plugin use" takes a package.
func digestText(digest string) string {
	digest = strings.TrimPrefix(digest, "sha256:")
	return digest[:min(len(digest), 12)]
}

// outdated lists what an upgrade would do.
func (w *workshop) outdated(asJSON bool) error {
	plans, kept, err := w.Upgrades(w.cmd.Context(), nil, install.Options{})
	if err != nil {
		return err
	}
	defer closeAll(plans)
	if asJSON {
		type newer struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			Newest  string `json:"newest"`
			Variant string `json:"variant"`
			Source  string `json:"source"`
		}
		all := []newer{}
		for _, p := range plans {
			all = append(all, newer{p.Name, p.Before, p.Version, p.Variant, p.Source})
		}
		return printJSON(w.cmd.OutOrStdout(), map[string]any{"object": "list", "data": all, "kept": append([]install.Kept{}, kept...)})
	}
	var rows [][]string
	for _, p := range plans {
		rows = append(rows, []string{p.Name, p.Before, dash(p.Version), p.Source})
		w.warn(p.Warnings)
	}
	out := w.cmd.OutOrStdout()
	if len(rows) > 0 {
		table(out, []string{"PLUGIN", "VERSION", "NEWEST", "SOURCE"}, rows)
	} else {
		fmt.Fprintf(out, "Of %s nothing newer can be installed.\n", english.Plural(len(kept), "installed plugin", ""))
	}
	for _, k := range kept {
		if !strings.HasSuffix(k.Reason, "is up to date") {
			fmt.Fprintf(w.cmd.ErrOrStderr(), "\n%s %s %s\n", k.Name, k.Version, k.Reason)
		}
	}
	if len(plans) > 0 {
		fmt.Fprintf(w.cmd.ErrOrStderr(), "\nto upgrade them: enginebay plugin upgrade\n")
	}
	return nil
}

// below says whether a path lies in a folder.
func below(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// originOf says how the folder of a plugin came here.
func (c *config) originOf(dir string, developed []string) string {
	own := filepath.Join(c.home, "plugins")
	dirs := c.plugins()
	switch {
	case slices.Contains(developed, dir):
		return originDev
	case below(filepath.Join(own, "store"), dir):
		return originInstalled
	case below(own, dir):
		return originDropped
	case below(dirs[len(dirs)-1], dir): // what comes along is the last
		return originBundled
	}
	return originDir
}
