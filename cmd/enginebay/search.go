package main

import (
	"fmt"
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
	longest := len("SOURCE")
	for _, h := range hits {
		longest = max(longest, runewidth.StringWidth(h.Ref))
	}
	screen := newScreen(cmd.OutOrStdout())
	var rows [][]string
	for _, h := range hits {
		about := strings.Join(strings.Fields(firstOf(h.Description, h.Name)), " ")
		if screen != nil {
			columns, _ := screen.size()
			about = runewidth.Truncate(about, max(columns-longest-2, 20), "…")
		}
		rows = append(rows, []string{h.Ref, dash(about)})
	}
	table(cmd.OutOrStdout(), []string{"SOURCE", "DESCRIPTION"}, rows)
	fmt.Fprintf(cmd.ErrOrStderr(), "\nto download one: enginebay pull SOURCE\nits variants:    enginebay pull SOURCE --list\n")
}
