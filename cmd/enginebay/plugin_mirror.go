package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/registry"
)

func newPluginMirror(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mirror DIR [PLUGIN…]",
		Short: "Copy a registry into a folder, to install from it without a network",
		Long: `Copy a registry, or some of its plugins, into a folder that can be carried to a machine
without a network. It is the same registry, with its index as it was signed: it is added
there with the same key. Without --all-versions the newest version of each plugin comes
along, or of a range as in "llamacpp@^1"; without --platform for all machines.

Done again into the same folder, only what is new is fetched.`,
		Example: `  enginebay plugin mirror /media/usb/plugins
  enginebay plugin mirror ./plugins llamacpp "acme/words@^1" --platform linux/amd64
  enginebay plugin mirror ./plugins --registry main --all-versions`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("name a folder, as in: %s /media/usb/plugins", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
			names, _ := completeOffered(c)(cmd, args[1:], typed)
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		Annotations: withoutServer,
	}
	var m install.Mirroring
	cmd.Flags().StringVar(&m.Registry, "registry", "", "this registry; needed where there are several")
	cmd.Flags().StringArrayVar(&m.Platforms, "platform", nil, "only for these machines, as in linux/amd64; may be given several times")
	cmd.Flags().BoolVar(&m.Versions, "all-versions", false, "all versions, and not the newest alone")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, platform := range m.Platforms {
			if system, arch, ok := strings.Cut(platform, "/"); !ok || system == "" || arch == "" {
				return fmt.Errorf("--platform %q: name a system and an architecture, as in linux/amd64", platform)
			}
		}
		m.Names = args[1:]
		return c.withWorkshop(cmd, func(w *workshop) error { return w.mirror(args[0], m, *asJSON) })
	}
	return cmd
}

func (w *workshop) mirror(dir string, m install.Mirroring, asJSON bool) error {
	bar := newOnScreen(w.cmd)
	done, err := w.Mirror(w.cmd.Context(), dir, m, func(one install.Mirrored, p install.Progress) {
		bar.show(one.Name+" "+one.Version+" "+one.Platform, p)
	})
	bar.close()
	switch {
	case err != nil:
		return told(err)
	case asJSON:
		return printList(w.cmd.OutOrStdout(), done)
	}
	var rows [][]string
	var total uint64
	for _, one := range done {
		rows = append(rows, []string{one.Name, one.Version, one.Platform, humanize.Bytes(uint64(one.Size))})
		total += uint64(one.Size)
	}
	out := w.cmd.OutOrStdout()
	table(out, []string{"PLUGIN", "VERSION", "FOR", "SIZE"}, rows)
	fmt.Fprintf(out, "\nIn %s: %s, %s.\n", dir, english.Plural(len(done), "package", ""), humanize.Bytes(total))
	return w.sayHowToUse(dir, m.Registry, done)
}

// sayHowToUse tells what to type on the other machine, and until when it will do.
func (w *workshop) sayHowToUse(dir, name string, done []install.Mirrored) error {
	sources, err := registry.ReadSources(w.config.home)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(sources, func(s registry.Source) bool { return s.Name == name || name == "" })
	if i < 0 {
		return nil
	}
	folder, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	out := w.cmd.OutOrStdout()
	fmt.Fprintf(out, "On the other machine, with the folder wherever it lies there:\n  enginebay plugin registry add %s %s --key %s\n", sources[i].Name, folder, sources[i].Key)
	fmt.Fprintf(out, "  enginebay plugin install %s\n", done[0].Name)
	r, err := w.config.registries().Load(w.cmd.Context(), registry.Source{Name: sources[i].Name, URL: folder, Key: sources[i].Key})
	if err == nil {
		fmt.Fprintf(out, "Its index is good until %s; mirror it again before that. What HOME/%s names is installed later too, with --locked.\n", untilText(r.Expires), install.LockFile)
	}
	return err
}
