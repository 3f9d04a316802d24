package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newPs(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List the models that are loaded",
		Long: `List the models that are loaded. Below a routed model stand its targets, with what they
do, and how long one is passed over that failed.`,
		Example: `  enginebay ps
  enginebay ps --json`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var list modelList
		if printed, err := c.fetch(cmd, "/v1/models?state=running", *asJSON, &list); printed || err != nil {
			return err
		}
		if len(list.Data) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "No model is loaded. The first request to a model loads it, or: enginebay start MODEL")
			return nil
		}
		var rows [][]string
		for _, m := range list.Data {
			if m.Running != nil && m.routed() {
				rows = append(rows, []string{m.ID, m.engineText(), ago(m.Running.Since), fmt.Sprint(m.Running.Requests), fmt.Sprint(m.Running.Waiting), "-", "-", ""})
				rows = append(rows, m.targetRows()...)
			} else if m.Running != nil {
				rows = append(rows, []string{m.ID, m.Running.Engine, ago(m.Running.Since), fmt.Sprint(m.Running.Requests), fmt.Sprint(m.Running.Waiting),
					dash(number(m.Running.Settings["ctx_len"])), bytesText(m.Running.Memory), until(m)})
			}
		}
		table(cmd.OutOrStdout(), []string{"MODEL", "ENGINE", "LOADED FOR", "REQUESTS", "WAITING", "CTX_LEN", "MEMORY", "UNTIL"}, rows)
		return nil
	}
	return cmd
}

// until says when a model is unloaded if nobody asks for it.
func until(m model) string {
	switch {
	case m.Running.Expires != nil:
		return "in " + time.Until(time.Unix(*m.Running.Expires, 0)).Round(time.Second).String()
	case m.Running.Requests > 0:
		return "in use"
	case m.Running.Pinned:
		return "pinned"
	}
	return "forever"
}

func number(v any) string {
	if n, ok := v.(float64); ok {
		return fmt.Sprintf("%.0f", n)
	}
	return ""
}
