package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/sdk"
)

func newPluginSearch(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "search [WORDS…]",
		Short: "Find plugins in the registries",
		Long: `Find plugins that have all words in their name, description or kind; without words all.
NEWEST is the newest version that this machine and this Engine Bay can run.`,
		Example: `  enginebay plugin search
  enginebay plugin search engine gguf
  enginebay plugin search importer --json | jq -r '.data[].name'`,
		ValidArgsFunction: cobra.NoFileCompletions,
		Annotations:       withoutServer,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.withWorkshop(cmd, func(w *workshop) error {
			found, warnings, err := w.Search(cmd.Context(), args...)
			if err != nil {
				return err
			}
			w.warn(warnings)
			if *asJSON {
				return printList(cmd.OutOrStdout(), found)
			}
			return w.printFound(found, strings.Join(args, " "))
		})
	}
	return cmd
}

func (w *workshop) printFound(found []install.Found, words string) error {
	out := w.cmd.OutOrStdout()
	switch {
	case len(found) == 0 && words != "":
		fmt.Fprintf(out, "No registry has a plugin for %q. Fewer words find more.\n", words)
		return nil
	case len(found) == 0:
		fmt.Fprintln(out, "No registry has any plugin. To see the registries: enginebay plugin registry list; to add one: enginebay plugin registry add NAME URL --key KEY")
		return nil
	}
	columns := 0
	if screen := newScreen(out); screen != nil {
		columns, _ = screen.size()
	}
	printOffers(out, found, columns)
	fmt.Fprintf(w.cmd.ErrOrStderr(), "\nto see more of one: enginebay plugin info NAME\nto install one:     enginebay plugin install NAME\n")
	return nil
}

// printOffers cuts the descriptions to the columns that there are; 0 is any number.
func printOffers(out io.Writer, found []install.Found, columns int) {
	headings := []string{"NAME", "NEWEST", "INSTALLED", "KIND", "DESCRIPTION"}
	var rows [][]string
	used := 0
	for _, f := range found {
		row := []string{f.Name, dash(f.Latest), dash(f.Installed), dash(kindsText(f.Kinds))}
		rows = append(rows, append(row, strings.Join(strings.Fields(f.Description), " ")))
	}
	for i := range 4 {
		widest := len(headings[i])
		for _, row := range rows {
			widest = max(widest, runewidth.StringWidth(row[i]))
		}
		used += widest + 2
	}
	for _, row := range rows {
		if columns > 0 {
			row[4] = runewidth.Truncate(row[4], max(columns-used, 1), "…")
		}
		row[4] = dash(row[4])
	}
	table(out, headings, rows)
}

func kindsText(kinds []sdk.Kind) string {
	var all []string
	for _, k := range kinds {
		all = append(all, string(k))
	}
	return strings.Join(all, ",")
}
