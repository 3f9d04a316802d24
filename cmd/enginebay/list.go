package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
)

func newList(c *config) *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the models",
		Long:    "List the models of the server, those that cannot be used included, with the reason.",
		Example: `  enginebay list
  enginebay list --state running
  enginebay list --json | jq -r '.data[].id'`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(cmd)
	cmd.Flags().StringVar(&state, "state", "", "only models of this state: to_download, downloading, ready, running")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions([]string{"to_download", "downloading", "ready", "running"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var list modelList
		if printed, err := c.fetch(cmd, "/v1/models?state="+url.QueryEscape(state), *asJSON, &list); printed || err != nil {
			return err
		}
		printModels(cmd, list.Data)
		return nil
	}
	return cmd
}

func printModels(cmd *cobra.Command, models []model) {
	if len(models) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "No models. Put a GGUF file into a folder of its own in models/ of the server's home.")
		return
	}
	var rows [][]string
	for _, m := range models {
		state := m.State
		switch {
		case m.Error != "" && m.State == "to_download":
			state = "error"
		case m.Transition != "":
			state = m.Transition
		}
		engine := m.Engine
		if m.Running != nil {
			engine = m.Running.Engine
		}
		rows = append(rows, []string{m.ID, state, engine, dash(text(m.Metadata["quantization"])), bytesText(m.Metadata["size"])})
	}
	table(cmd.OutOrStdout(), []string{"MODEL", "STATE", "ENGINE", "QUANT", "SIZE"}, rows)
	for _, m := range models {
		if m.Error != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: %s%s\n", m.ID, lastTime(m), m.Error)
		}
		if m.Running != nil && m.Running.Changed {
			fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: changed since it was loaded; to apply it: enginebay stop %s\n", m.ID, m.ID)
		}
		if m.Running != nil {
			m.Warnings = append(m.Warnings, m.Running.Ignored...)
		}
		for _, warning := range m.Warnings {
			fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: warning: %s\n", m.ID, warning)
		}
	}
}

// lastTime tells an error of the last use from one that stands against any use.
func lastTime(m model) string {
	if m.State == "to_download" {
		return ""
	}
	return "the last time: "
}
