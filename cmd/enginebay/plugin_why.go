package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

func newPluginWhy(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why PLUGIN[@RANGE]",
		Short: "Explain which version and variant of a plugin is chosen, and which folder counts",
		Long: `Explain what "install" would choose for this machine: what the machine has, what was thought
of each variant, and why newer versions are not taken. And which folder counts for the
plugin's short name, where there are several: what "plugin dev" builds goes before the
folders of --plugin-dir and plugin_dirs, these before what is installed, that before what
was put into HOME/plugins by hand, and that before what lies beside the program.`,
		Example: `  enginebay plugin why llamacpp
  enginebay plugin why llamacpp@^1 --variant cuda12`,
		Args:              onePlugin,
		ValidArgsFunction: completeInstalled(c),
		Annotations:       withoutServer,
	}
	var o install.Options
	cmd.Flags().StringVar(&o.Variant, "variant", "", "as if this variant were asked for")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.withWorkshop(cmd, func(w *workshop) error { return w.why(args[0], o, *asJSON) })
	}
	return cmd
}

// A rival is a folder that a short name might mean.
type rival struct {
	Counts  bool             `json:"counts"`
	Origin  string           `json:"origin"`
	Name    string           `json:"name"`
	Version string           `json:"version"`
	State   pluginhost.State `json:"state"`
	Error   string           `json:"error,omitempty"`
	Dir     string           `json:"dir"`
}

func (w *workshop) why(text string, o install.Options, asJSON bool) error {
	name, _, _ := strings.Cut(text, "@")
	rivals := w.rivals(short(name))
	why, err := w.Why(w.cmd.Context(), text, o)
	if err != nil && (len(rivals) == 0 || sdk.CodeOf(err) != sdk.CodeNotFound) {
		return err
	}
	unknown := ""
	if err != nil {
		unknown = err.Error()
	}
	if asJSON {
		return printJSON(w.cmd.OutOrStdout(), struct {
			Object string `json:"object"`
			install.Why
			Folders []rival `json:"folders"`
			Error   string  `json:"error,omitempty"`
		}{"plugin.why", why, rivals, unknown})
	}
	w.warn(why.Warnings)
	out := w.cmd.OutOrStdout()
	if unknown != "" {
		fmt.Fprintf(out, "%s.\n", strings.TrimSuffix(unknown, "."))
	} else {
		printWhy(out, why)
	}
	printRivals(out, short(name), rivals)
	return nil
}

// rivals are the folders of plugins of a short name, the one that counts before the others.
func (w *workshop) rivals(name string) []rival {
	all := []rival{}
	developed := w.developed()
	for _, p := range w.host.All() {
		if p.Name != name {
			continue
		}
		r := rival{Counts: len(all) == 0, Origin: w.config.originOf(p.Dir, developed), Name: p.Manifest.Name, Version: p.Version, State: p.State(), Dir: p.Dir}
		if p.Err != nil {
			r.Error = core.Reason(p.Err)
		}
		all = append(all, r)
	}
	return all
}

func printWhy(out io.Writer, why install.Why) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintln(out, why.Name)
	if why.Installed != "" {
		line("installed", "%s, variant %s, from %s", why.Installed, why.Variant, why.Source)
	}
	line("machine", "%s", machineText(why.Machine))
	switch {
	case why.Fault != "":
		line("chosen", "none: %s", why.Fault)
	default:
		line("chosen", "%s", why.Chosen)
	}
	for _, passed := range why.Passed {
		line("not taken", "%s %s", passed.Version, passed.Reason)
	}
	if len(why.Variants) == 0 {
		return
	}
	var rows [][]string
	for _, v := range why.Variants {
		verdict := "does not fit"
		switch {
		case v.Chosen:
			verdict = "chosen"
		case v.Fits:
			verdict = "fits"
		}
		rows = append(rows, []string{v.Variant, verdict, dash(v.Reason)})
	}
	fmt.Fprintln(out)
	table(out, []string{"VARIANT OF " + why.Chosen, "VERDICT", "REASON"}, rows)
}

// machineText is what variants may ask for.
func machineText(m registry.Machine) string {
	text := m.OS + "/" + m.Arch
	if m.Glibc != "" {
		text += ", glibc " + m.Glibc
	}
	for _, kind := range slices.Sorted(maps.Keys(m.Accelerators)) {
		text += ", " + strings.TrimSpace(kind+" "+m.Accelerators[kind])
	}
	if len(m.Accelerators) == 0 {
		text += ", no accelerator"
	}
	return text
}

func printRivals(out io.Writer, name string, rivals []rival) {
	if len(rivals) == 0 {
		fmt.Fprintf(out, "\nNo folder counts for %s: it is not here yet.\n", name)
		return
	}
	var rows [][]string
	for _, r := range rivals {
		counts := "no"
		if r.Counts {
			counts = "yes"
		}
		rows = append(rows, []string{counts, strings.ReplaceAll(r.Origin, "_", " "), cmp.Or(r.Version, "-"), strings.ReplaceAll(string(r.State), "_", " "), r.Dir})
	}
	fmt.Fprintln(out)
	table(out, []string{"COUNTS", "CAME BY", "VERSION", "STATE", "FOLDER"}, rows)
	for _, r := range rivals {
		if r.Error != "" {
			fmt.Fprintf(out, "\n%s: %s\n", r.Dir, r.Error)
		}
	}
}
