package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newPluginPin(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pin PLUGIN",
		Short: "Keep a plugin at its version, or let it go again",
		Long: `Keep a plugin at the version that is in use: "upgrade" passes it over, and "install" refuses
to change it, until it is let go with --off. "use" and "rollback" still do what they say.`,
		Example: `  enginebay plugin pin llamacpp
  enginebay plugin pin llamacpp --off`,
		Args:              onePlugin,
		ValidArgsFunction: completeInstalled(c),
		Annotations:       withoutServer,
	}
	off := cmd.Flags().Bool("off", false, "let it go again")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.withWorkshop(cmd, func(w *workshop) error {
			p, err := w.Pin(cmd.Context(), args[0], !*off)
			switch {
			case err != nil:
				return err
			case *asJSON:
				return printJSON(cmd.OutOrStdout(), p)
			case p.Pinned:
				fmt.Fprintf(cmd.OutOrStdout(), "%s stays at %s; to let it go: enginebay plugin pin %s --off\n", p.Name, p.Current, short(p.Name))
			default:
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s is upgraded with the others again.\n", p.Name, p.Current)
			}
			return nil
		})
	}
	return cmd
}
