package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newPlugin(c *config) *cobra.Command {
	cmd := group("plugin", "Work with plugins")
	list := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the plugins that are installed",
		Long: `List the plugins that the server finds: beside the program, in HOME/plugins, and
in the folders of --plugin-dir and plugin_dirs.`,
		Example: `  enginebay plugin list`,
		Args:    cobra.NoArgs,
	}
	asJSON := jsonFlag(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		var answer struct {
			Data []struct {
				Name, Version, Description, Dir, State, Error string
				Kinds                                         []string
			}
		}
		if printed, err := c.fetch(cmd, "/v1/plugins", *asJSON, &answer); printed || err != nil {
			return err
		}
		if len(answer.Data) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "No plugins. Put their folders into plugins/ of the server's home.")
			return nil
		}
		var rows [][]string
		for _, p := range answer.Data {
			rows = append(rows, []string{p.Name, dash(p.Version), dash(strings.Join(p.Kinds, ",")), strings.ReplaceAll(p.State, "_", " "), p.Dir})
		}
		table(cmd.OutOrStdout(), []string{"PLUGIN", "VERSION", "KIND", "STATE", "FOLDER"}, rows)
		for _, p := range answer.Data {
			if p.Error != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: %s\n", p.Name, p.Error)
			}
		}
		return nil
	}
	cmd.AddCommand(
		list,
		newPluginInstall(c),
		newPluginUpgrade(c),
		newPluginRollback(c),
		newPluginUse(c),
		newPluginPin(c),
		newPluginNew(),
		newPluginDev(c),
		newPluginTest(c),
		newPluginPublish(c),
		newPluginRegistry(c),
		newPluginPack(),
		newPluginSign(),
		newPluginVerify(c),
		newPluginKey(),
	)
	return cmd
}
