package main

import (
	"encoding/json"
	"fmt"
	"net/http"
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
		data, err := c.client().call(cmd.Context(), http.MethodGet, "/v1/engines", nil)
		if err != nil || *asJSON {
			return orPrint(cmd, data, err)
		}
		var answer struct {
			Data []struct {
				ID, Plugin, Version, State, Error string
				Models                            []string
				Restarts                          int
			}
		}
		if err := json.Unmarshal(data, &answer); err != nil {
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
		data, err := c.client().call(cmd.Context(), http.MethodGet, "/v1/plugins", nil)
		if err != nil || *asJSON {
			return orPrint(cmd, data, err)
		}
		var answer struct {
			Data []struct {
				Name, Version, Description, Dir, Error string
				Kinds                                  []string
			}
		}
		if err := json.Unmarshal(data, &answer); err != nil {
			return err
		}
		if len(answer.Data) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "No plugins. Put their folders into plugins/ of the server's home.")
			return nil
		}
		var rows [][]string
		for _, p := range answer.Data {
			status := "ok"
			if p.Error != "" {
				status = "broken"
			}
			rows = append(rows, []string{p.Name, dash(p.Version), strings.Join(p.Kinds, ","), status, p.Dir})
		}
		table(cmd.OutOrStdout(), []string{"PLUGIN", "VERSION", "KIND", "STATUS", "FOLDER"}, rows)
		for _, p := range answer.Data {
			if p.Error != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: %s\n", p.Name, p.Error)
			}
		}
		return nil
	}
	cmd.AddCommand(list)
	return cmd
}

func orPrint(cmd *cobra.Command, data []byte, err error) error {
	if err != nil {
		return err
	}
	return printRaw(cmd.OutOrStdout(), data)
}
