package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

// table prints rows under headings, in columns.
func table(w io.Writer, headings []string, rows [][]string) {
	var text strings.Builder
	tw := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(headings, "\t"))
	for _, row := range rows {
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	tw.Flush()
	for line := range strings.Lines(text.String()) { // without what fills an empty last column
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
}

// printRaw prints what the API answered, indented, for scripts.
func printRaw(w io.Writer, data []byte) error {
	var v json.RawMessage = data
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", out)
	return err
}

// printJSON prints a value for scripts.
func printJSON(w io.Writer, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return printRaw(w, data)
}

// printList prints what is not the API's in the form of the API's lists.
func printList[T any](w io.Writer, data []T) error {
	return printJSON(w, map[string]any{"object": "list", "data": append([]T{}, data...)})
}

// jsonFlag adds --json.
func jsonFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("json", false, "print JSON, for scripts")
}

// bytesText is a size as people read it: 1.2 GB.
func bytesText(v any) string {
	n, ok := v.(float64)
	if !ok || n <= 0 {
		return "-"
	}
	return humanize.SIWithDigits(n, 1, "B")
}

// ago is how long something has been.
func ago(unix int64) string {
	return time.Since(time.Unix(unix, 0)).Round(time.Second).String()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
