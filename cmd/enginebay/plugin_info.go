package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/sdk"
)

func newPluginInfo(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "info PLUGIN|FILE|FOLDER",
		Short: "Show what is known of a plugin: its versions, who makes it, what it asks for",
		Long: `Show what the registries know of a plugin, and what is installed of it. What it asks for
(hosts, folders, devices, secrets) is known of what is here; of others it is shown before
they are installed, by "enginebay plugin install NAME --dry-run".

Of a packed plugin or its folder it is shown what its plugin.json says; whether its files
are as they were packed, says "enginebay plugin verify".`,
		Example: `  enginebay plugin info llamacpp
  enginebay plugin info acme/words --json
  enginebay plugin info ./words-1.0.0-linux-amd64.tar.zst`,
		Args:              onePlugin,
		ValidArgsFunction: completeOffered(c),
		Annotations:       withoutServer,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !pluginName.MatchString(args[0]) {
			return packageInfo(cmd, args[0], *asJSON)
		}
		return c.withWorkshop(cmd, func(w *workshop) error { return w.info(args[0], *asJSON) })
	}
	return cmd
}

// packageInfo shows the plugin.json of a package, or of a folder that is none yet.
func packageInfo(cmd *cobra.Command, path string, asJSON bool) error {
	show := func(dir string) error {
		m, err := packages.ReadManifest(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if asJSON {
			return printJSON(cmd.OutOrStdout(), m)
		}
		printManifest(cmd.OutOrStdout(), m)
		return nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return show(path)
	}
	return withPackage(cmd.Context(), path, show)
}

// facts prints pairs under each other.
type facts struct{ io.Writer }

func (f facts) add(name, format string, args ...any) {
	if text := strings.TrimSpace(fmt.Sprintf(format, args...)); text != "" {
		fmt.Fprintf(f, "  %-14s %s\n", name, text)
	}
}

func (f facts) wants(m packages.Manifest) {
	for _, want := range wants(m) {
		f.add("wants "+want[0], "%s", want[1])
	}
}

func printManifest(out io.Writer, m packages.Manifest) {
	fmt.Fprintf(out, "%s %s\n", m.Name, m.Version)
	f := facts{out}
	f.add("", "%s", m.Description)
	f.add("kind", "%s", kindsText(m.Kinds))
	f.add("for", "%s, variant %s", m.Platform, cmp.Or(m.Variant, "default"))
	f.add("engine bay", "%s", m.Core)
	f.add("formats", "%s", strings.Join(m.Formats, ", "))
	f.add("schemes", "%s", strings.Join(m.Schemes, ", "))
	f.add("licence", "%s", m.Licence)
	f.add("homepage", "%s", m.Homepage)
	f.wants(m)
}

// shownInfo is what is known of a plugin, as --json prints it.
type shownInfo struct {
	Object string         `json:"object"`
	Name   string         `json:"name"`
	Offer  *install.Found `json:"registry"` // null where no registry has it
	Here   *listedPlugin  `json:"here"`     // null where it is not here
	// Manifest is the plugin.json of what is here.
	Manifest *packages.Manifest `json:"manifest"`
}

func (w *workshop) info(name string, asJSON bool) error {
	info := shownInfo{Object: "plugin.info", Name: name}
	if err := w.here(&info); err != nil {
		return err
	}
	offer, warnings, err := w.Info(w.cmd.Context(), info.Name)
	switch {
	case err == nil:
		info.Name, info.Offer = offer.Name, &offer
	case info.Here == nil || sdk.CodeOf(err) != sdk.CodeNotFound:
		return err
	}
	w.warn(warnings)
	if asJSON {
		return printJSON(w.cmd.OutOrStdout(), info)
	}
	printInfo(w.cmd.OutOrStdout(), info)
	return nil
}

// here fills in what this home has of a plugin.
func (w *workshop) here(info *shownInfo) error {
	all, err := w.listed()
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Name != info.Name && p.FullName != info.Name {
			continue
		}
		info.Name, info.Here = p.FullName, &p
		if m, err := packages.ReadManifest(p.Dir); err == nil {
			info.Manifest = &m
		}
	}
	return nil
}

func printInfo(out io.Writer, info shownInfo) {
	fmt.Fprintln(out, info.Name)
	f := facts{out}
	if info.Offer != nil {
		f.offer(*info.Offer)
	} else if m := info.Manifest; m != nil {
		f.add("", "%s", m.Description)
		f.add("kind", "%s", kindsText(m.Kinds))
		f.add("licence", "%s", m.Licence)
		f.add("homepage", "%s", m.Homepage)
		f.add("registry", "none has it")
	}
	if info.Here == nil {
		f.add("here", "not installed; enginebay plugin install %s", info.Name)
	} else {
		f.here(*info.Here)
	}
	if info.Manifest != nil {
		f.wants(*info.Manifest)
	}
	if info.Offer != nil {
		printOffered(out, *info.Offer)
	}
}

func (f facts) offer(o install.Found) {
	f.add("", "%s", o.Description)
	f.add("kind", "%s", kindsText(o.Kinds))
	f.add("publisher", "%s", o.Publisher)
	f.add("licence", "%s", o.Licence)
	f.add("homepage", "%s", o.Homepage)
	f.add("registry", "%s", o.Registry)
	f.add("newest", "%s", cmp.Or(o.Latest, "none that works here: "+o.Reason))
}

func (f facts) here(p listedPlugin) {
	if p.Current == "" {
		f.add("here", "%s, %s, in %s", p.Version, p.stateText(), p.Dir)
		return
	}
	text := p.Current
	for _, v := range p.Versions {
		if v.Current {
			text += ", variant " + v.Variant + ", from " + v.Source + ", signed by " + signerOf(v)
		}
	}
	if p.Pinned {
		text += ", pinned"
	}
	f.add("installed", "%s", text)
	f.add("before", "%s", p.Previous)
	for _, note := range p.notes() {
		f.add("", "%s", note)
	}
}

func signerOf(v install.Version) string {
	if key, err := minisign.ParsePublicKey(v.Key); err == nil {
		return "key " + key.ID()
	}
	return "nobody"
}

// printOffered lists the versions that a registry has.
func printOffered(out io.Writer, o install.Found) {
	var rows [][]string
	for _, v := range o.Versions {
		var platforms []string
		size := int64(0)
		for _, variant := range v.Variants {
			platforms = append(platforms, variant.Platform())
			size = max(size, variant.Size)
		}
		state := ""
		switch {
		case v.Version == o.Installed:
			state = "installed"
		case v.Yanked == "" && v.Version == o.Latest:
			state = "newest"
		}
		if v.Yanked != "" {
			state = strings.TrimSpace(state + " yanked: " + v.Yanked)
		}
		rows = append(rows, []string{v.Version, strings.Join(platforms, " "), dash(v.Core), humanize.Bytes(uint64(size)), state})
	}
	fmt.Fprintln(out)
	table(out, []string{"VERSION", "FOR", "ENGINE BAY", "SIZE", "STATE"}, rows)
}
