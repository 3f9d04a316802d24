package main

import (
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"
)

func newSearch(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "search WORDS…",
		Short: "Find models to download",
		Long: `Find models by words, in the catalogues of the importers that can be searched. The
first column of the answer is what "enginebay pull" takes.`,
		Example: `  enginebay search qwen2.5 instruct gguf
  enginebay search --limit 5 --json zephyr | jq -r '.data[].ref'`,
		Args:              needs("name what to search for, as in: enginebay search qwen2.5 instruct"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	asJSON := jsonFlag(cmd)
	limit := cmd.Flags().Int("limit", 20, "how many at most")
	importer := cmd.Flags().String("importer", "", "search with this importer only")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		words := strings.Join(args, " ")
		query := url.Values{"q": {words}, "limit": {strconv.Itoa(*limit)}}
		if *importer != "" {
			query.Set("importer", *importer)
		}
		var list struct{ Data []hit }
		if printed, err := c.fetch(cmd, "/v1/search?"+query.Encode(), *asJSON, &list); printed || err != nil {
			return err
		}
		printHits(cmd, words, list.Data)
		return nil
	}
	return cmd
}

// hit is an answer of a search.
type hit struct {
	Ref         string `json:"ref"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

func printHits(cmd *cobra.Command, words string, hits []hit) {
	if len(hits) == 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "Nothing was found for %q. Fewer words find more.\n", words)
		return
	}
	columns := 0
	if screen := newScreen(cmd.OutOrStdout()); screen != nil {
		columns, _ = screen.size()
	}
	printFitting(cmd.OutOrStdout(), hits, columns)
	fmt.Fprintf(cmd.ErrOrStderr(), "\nto download one: enginebay pull SOURCE\nits variants:    enginebay pull SOURCE --list\n")
}

// printFitting cuts the descriptions to the columns that there are, and leaves them
// out where the sources take all; 0 columns is any number.
func printFitting(w io.Writer, hits []hit, columns int) {
	room := columns - len("SOURCE") - 2
	for _, h := range hits {
		room = min(room, columns-runewidth.StringWidth(h.Ref)-2)
	}
	headings := []string{"SOURCE", "DESCRIPTION"}
	if columns > 0 && room < len("DESCRIPTION") {
		headings = headings[:1]
	}
	var rows [][]string
	for _, h := range hits {
		about := strings.Join(strings.Fields(firstOf(h.Description, h.Name)), " ")
		if columns > 0 {
			about = runewidth.Truncate(about, max(room, 1), "…")
		}
		rows = append(rows, []string{h.Ref, dash(about)}[:len(headings)])
	}
	table(w, headings, rows)
}
