package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newEngine(c *config) *cobra.Command {
	cmd := group("engine", "Work with engines (deployments of engine plugins)")
	list := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the engines",
		Long: `List the engines that models can name. Each is an engine plugin with the
settings of HOME/engines/ID.json; a plugin without such a file is an engine of its
own name with default settings.`,
		Example: `  enginebay engine list`,
		Args:    cobra.NoArgs,
	}
	asJSON := jsonFlag(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		var answer struct {
			Data []struct {
				ID, Plugin, Version, State, Error string
				Models                            []string
				Restarts                          int
			}
		}
		if printed, err := c.fetch(cmd, "/v1/engines", *asJSON, &answer); printed || err != nil {
			return err
		}
		if len(answer.Data) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "No engines: no engine plugin is installed.")
			return nil
		}
		var rows [][]string
		for _, e := range answer.Data {
			rows = append(rows, []string{e.ID, e.Plugin, dash(e.Version), e.State, fmt.Sprint(e.Restarts), dash(strings.Join(e.Models, ","))})
		}
		table(cmd.OutOrStdout(), []string{"ENGINE", "PLUGIN", "VERSION", "STATE", "RESTARTS", "MODELS"}, rows)
		for _, e := range answer.Data {
			if e.Error != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: %s\n", e.ID, e.Error)
			}
		}
		return nil
	}
	cmd.AddCommand(list)
	return cmd
}
