package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func newShow(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show MODEL",
		Short: "Show one model",
		Example: `  enginebay show tiny-guide
  enginebay show tiny-guide --json`,
		Args:              oneModel,
		ValidArgsFunction: completeModels(c),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var m model
		if printed, err := c.fetch(cmd, modelPath(args[0]), *asJSON, &m); printed || err != nil {
			return err
		}
		printModel(cmd.OutOrStdout(), m)
		return nil
	}
	return cmd
}

func printModel(w io.Writer, m model) {
	rows := [][]string{{"name", m.Name}, {"state", m.State}}
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	add("transition", m.Transition)
	add("error", m.Error)
	add("engine", m.Engine)
	add("format", m.Format)
	add("version", m.Version)
	add("owned by", m.OwnedBy)
	add("description", m.Description)
	for _, source := range m.Sources {
		add("source", firstOf(source.URL, source.Filename))
	}
	if m.Running != nil {
		add("loaded by", m.Running.Engine)
		add("loaded for", ago(m.Running.Since))
		add("answers", strings.Join(m.Running.Operations, ", "))
	}
	table(w, []string{"id", m.ID}, rows)
	section(w, "settings", m.Settings)
	section(w, "parameters", m.Parameters)
	section(w, "metadata", m.Metadata)
	section(w, "weights", m.GGUF)
	for _, warning := range m.Warnings {
		fmt.Fprintln(w, "\nwarning:", warning)
	}
}

func section(w io.Writer, name string, values map[string]any) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", name)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		var value bytes.Buffer
		enc := json.NewEncoder(&value)
		enc.SetEscapeHTML(false) // templates are full of <|…|>
		if enc.Encode(values[key]) == nil {
			fmt.Fprintf(w, "  %s: %s", key, value.Bytes())
		}
	}
}
