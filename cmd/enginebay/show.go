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
		Long: `Show one model, with the settings and parameters that it would be used with now
and where each comes from: a default, the engine's file or the model's.`,
		Example: `  enginebay show tiny-guide
  enginebay show tiny-guide --json`,
		Args:              oneModel,
		ValidArgsFunction: completeModels(c),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var m model
		printed, err := c.fetch(cmd, modelPath(args[0])+"?effective=true", *asJSON, &m)
		if !printed && err == nil {
			printModel(cmd.OutOrStdout(), m)
		}
		return err
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
	add("error", firstOf(m.Error, m.Effective.Error))
	if m.ReadOnly {
		add("read only", "yes: its folder is one of model_dirs, into which nothing is written")
	}
	if m.routed() {
		add("requests go to", map[bool]string{true: "the target with the fewest in flight for its weight", false: "the first target that works"}[m.spreads()])
		add("time-out", m.Timeout)
	}
	add("engine", m.Engine)
	add("format", m.Format)
	add("version", m.Version)
	if m.Offer != nil && m.Offer.Fetched > 0 {
		add("listed", ago(m.Offer.Fetched)+" ago by the service")
	}
	if m.Offer != nil && m.Offer.Stale {
		add("stale", m.Offer.Error)
	}
	add("owned by", m.OwnedBy)
	add("description", m.Description)
	for _, source := range m.Sources {
		from := firstOf(source.URL, source.Filename)
		if source.Size > 0 {
			from += " (" + sizeText(source.Size) + ")"
		}
		add("source", from)
	}
	if m.Download != nil {
		add("download", m.Download.sentence())
	}
	if m.State == "to_download" && m.Error == "" && len(m.Sources) > 0 {
		add("to get it", "enginebay pull "+m.ID)
	}
	if m.Running != nil {
		add("loaded by", m.Running.Engine)
		add("loaded for", ago(m.Running.Since))
		add("answers", strings.Join(m.Running.Operations, ", "))
	}
	table(w, []string{"id", m.ID}, rows)
	printTargets(w, m)
	if m.Effective.Settings == nil { // its engine could not be asked
		section(w, "settings", m.Settings)
	}
	layered(w, "SETTING", m.Effective.Settings)
	layered(w, "PARAMETER", m.Effective.Parameters)
	section(w, "metadata", m.Metadata)
	section(w, "weights", m.GGUF)
	for _, warning := range m.Warnings {
		fmt.Fprintln(w, "\nwarning:", warning)
	}
}

// layered prints values, and which layer each comes from.
func layered(w io.Writer, heading string, values map[string]origin) {
	if len(values) == 0 {
		return
	}
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		rows = append(rows, []string{name, shorten(plainJSON(values[name].Value), 60), values[name].Origin})
	}
	fmt.Fprintln(w)
	table(w, []string{heading, "VALUE", "FROM"}, rows)
}

func shorten(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}

func section(w io.Writer, name string, values map[string]any) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", name)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := plainJSON(values[key])
		if size := bytesText(values[key]); size != "-" && slices.Contains([]string{"size", "memory"}, key) {
			value += " (" + size + ")"
		}
		fmt.Fprintf(w, "  %s: %s\n", key, value)
	}
}

// plainJSON is a value as JSON in which templates, which are full of <|…|>, can
// be read.
func plainJSON(v any) string {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // it came from JSON
	return strings.TrimSpace(text.String())
}
