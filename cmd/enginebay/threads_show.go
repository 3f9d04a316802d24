package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/conversation"
)

func newThreadsShow(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show THREAD",
		Short: "Show a thread with its messages",
		Long: `Show a thread with its messages, the oldest first. What a model thought before it
answered is shown with --reasoning.`,
		Example: `  enginebay threads show last
  enginebay threads show last --limit 4
  enginebay threads show thread_ai3Xr4l6KmoYdKY1AeN6gHPf --json | jq -r '.messages[-1].content[].text.value'`,
		Args:              oneThread,
		ValidArgsFunction: completeThreads(c, 1, lastThread),
	}
	asJSON := jsonFlag(cmd)
	limit := cmd.Flags().IntP("limit", "n", 0, "only so many of the last messages (default all)")
	reasoning := cmd.Flags().Bool("reasoning", false, "also what the model thought")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		server := c.client()
		id, err := server.threadID(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		t, messages, err := server.thread(cmd.Context(), id, *limit)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), conversation.NewExport(t, messages, nil))
		}
		printThread(cmd.OutOrStdout(), t, messages, *reasoning)
		return nil
	}
	return cmd
}

// oneThread wants the id of one thread.
func oneThread(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return fmt.Errorf("name one thread, as in: %s last; to list them: enginebay threads list", cmd.CommandPath())
}

// thread is a thread with the last of its messages, or with all where limit is 0.
func (c client) thread(ctx context.Context, id string, limit int) (*conversation.Thread, []*conversation.Message, error) {
	t := &conversation.Thread{}
	if err := c.get(ctx, threadPath(id), t); err != nil {
		return nil, nil, noThread(err)
	}
	var all []*conversation.Message // newest first
	for after, more := "", true; more && (limit <= 0 || len(all) < limit); {
		query := url.Values{"limit": {strconv.Itoa(pageLimit)}}
		if limit > 0 {
			query.Set("limit", strconv.Itoa(min(pageLimit, limit-len(all))))
		}
		if after != "" {
			query.Set("after", after)
		}
		var page conversation.List[*conversation.Message]
		if err := c.get(ctx, threadPath(id, "messages")+"?"+query.Encode(), &page); err != nil {
			return nil, nil, err
		}
		all = append(all, page.Data...)
		if more = page.HasMore && len(page.Data) > 0; more {
			after = page.Data[len(page.Data)-1].ID
		}
	}
	oldestFirst := make([]*conversation.Message, len(all))
	for i, m := range all {
		oldestFirst[len(all)-1-i] = m
	}
	return t, oldestFirst, nil
}

func printThread(w io.Writer, t *conversation.Thread, messages []*conversation.Message, reasoning bool) {
	rows := [][]string{{"created", moment(t.CreatedAt)}, {"changed", moment(t.UpdatedAt)}}
	if t.Title != "" {
		rows = append([][]string{{"title", inLine(t.Title)}}, rows...)
	}
	for _, a := range t.Assistants {
		if name := firstOf(a.AssistantName, a.AssistantID); name != "" {
			rows = append(rows, []string{"assistant", inLine(name)})
		}
		if a.Model != nil && a.Model.ID != "" {
			rows = append(rows, []string{"model", inLine(a.Model.ID)})
		}
	}
	table(w, []string{"id", t.ID}, rows)
	for _, m := range messages {
		fmt.Fprintf(w, "\n%s, %s%s\n\n", m.Role, day(time.Unix(m.CreatedAt, 0)), ending(m))
		if m.Reasoning != "" && reasoning {
			fmt.Fprintf(w, "%s\n\n", beside("  | ", m.Reasoning))
		}
		fmt.Fprintln(w, beside("  ", contentText(m)))
	}
}

// moment is a time, and how long ago it was.
func moment(unix int64) string {
	t := time.Unix(unix, 0)
	return day(t) + " (" + humanize.Time(t) + ")"
}

// ending says why a message is not whole.
func ending(m *conversation.Message) string {
	switch {
	case m.Status != "incomplete":
		return ""
	case m.IncompleteDetails == nil:
		return " (incomplete)"
	}
	return " (incomplete: " + inLine(m.IncompleteDetails.Reason) + ")"
}

func beside(margin, text string) string {
	return margin + strings.ReplaceAll(strings.TrimRight(plain(text), "\n"), "\n", "\n"+margin)
}

// contentText is what a message says, with a word in the place of what is no text.
func contentText(m *conversation.Message) string {
	var parts []string
	for _, part := range m.Content {
		switch {
		case part.Text != nil:
			parts = append(parts, part.Text.Value)
		case part.Refusal != nil:
			parts = append(parts, *part.Refusal)
		case part.ImageFile != nil:
			parts = append(parts, "[image "+part.ImageFile.FileID+"]")
		case part.ImageURL != nil:
			address, _, _ := strings.Cut(part.ImageURL.URL, ",") // the data of an image are of no use to a reader
			parts = append(parts, "[image "+shorten(address, 60)+"]")
		}
	}
	for _, id := range m.Files() {
		parts = append(parts, "[file "+id+"]")
	}
	return strings.Join(parts, "\n")
}
