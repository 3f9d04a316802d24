package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/install"
)

func newPluginUpgrade(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "upgrade [PLUGIN…]",
		Aliases: []string{"update"},
		Short:   "Upgrade installed plugins, named ones or all",
		Long: `Upgrade plugins to the newest version that their registry has for this machine, within the
range that they were installed with (install NAME@RANGE gives another). It is shown before
anything is done, with what stays as it is and why: what is pinned, what is up to date, and
what came from a file or an address.

A running server changes over by itself, without failing a request; where the new version
does not come up there, it goes back to the old one, and the exit status is 1.`,
		Example: `  enginebay plugin upgrade
  enginebay plugin upgrade llamacpp --yes
  enginebay plugin upgrade --dry-run`,
		ValidArgsFunction: completeMoreInstalled(c),
		Annotations:       withoutServer,
		PersistentPreRunE: c.strictly, // as for install
	}
	var o install.Options
	var ask asking
	cmd.Flags().StringVar(&o.Key, "key", "", "trust this public key (RW…, or its file) for the plugin's publisher")
	ask.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := keyText(&o.Key); err != nil {
			return err
		}
		return c.withWorkshop(cmd, func(w *workshop) error {
			plans, kept, err := w.Upgrades(cmd.Context(), args, o)
			if err != nil {
				return err
			}
			if len(plans)+len(kept) == 0 && !ask.asJSON {
				fmt.Fprintln(cmd.OutOrStdout(), "Nothing is installed that could be upgraded.")
			}
			return w.carryOut(plans, kept, ask)
		})
	}
	return cmd
}
