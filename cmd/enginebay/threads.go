package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/conversation"
)

func newThreads(c *config) *cobra.Command {
	cmd := group("threads", "Work with conversations that the server keeps")
	cmd.Aliases = []string{"thread"}
	cmd.Long = `Work with the threads of the server: conversations that it keeps, whether they were
made by "enginebay run MODEL --thread new" or by a client of the API.

The word last, in the place of an id, is the thread that something happened in last.
With API keys, a key sees the threads that it made, and an administrator's sees all.`
	cmd.AddCommand(newThreadsList(c), newThreadsShow(c), newThreadsRm(c), newThreadsExport(c), newThreadsImport(c))
	return cmd
}

// lastThread stands for the thread that was changed last.
const lastThread = "last"

// pageLimit is the most that the API gives of a list at once.
const pageLimit = 100

// threadPath is the address of a thread, or of something below it.
func threadPath(id string, more ...string) string {
	path := "/v1/threads/" + url.PathEscape(id)
	for _, part := range more {
		path += "/" + url.PathEscape(part)
	}
	return path
}

// threads are the newest ones, as many as are wanted, and whether there are more.
func (c client) threads(ctx context.Context, limit int) (all []conversation.Thread, more bool, err error) {
	after := ""
	for len(all) < limit {
		query := url.Values{"limit": {strconv.Itoa(min(pageLimit, limit-len(all)))}}
		if after != "" {
			query.Set("after", after)
		}
		var page conversation.List[conversation.Thread]
		if err := c.get(ctx, "/v1/threads?"+query.Encode(), &page); err != nil {
			return nil, false, err
		}
		all = append(all, page.Data...)
		if !page.HasMore || len(page.Data) == 0 {
			return all, false, nil
		}
		after = page.Data[len(page.Data)-1].ID
	}
	return all, true, nil
}

// noThread adds to the server's word that there is no such thread where one is found.
func noThread(err error) error {
	if hasStatus(err, http.StatusNotFound) {
		return fmt.Errorf("%w; to list them: enginebay threads list", err)
	}
	return err
}

// threadID is the id that is meant: that of the thread which was changed last, where
// the word for it is given.
func (c client) threadID(ctx context.Context, given string) (string, error) {
	if given != lastThread {
		return given, nil
	}
	all, _, err := c.threads(ctx, math.MaxInt) // an old thread may be the one; 100 take 3 ms
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", errors.New("there is no thread yet; to begin one: enginebay run MODEL --thread new")
	}
	return slices.MaxFunc(all, func(a, b conversation.Thread) int { return cmp.Compare(a.UpdatedAt, b.UpdatedAt) }).ID, nil
}

// completeThreads completes the ids of threads, with their titles.
func completeThreads(c *config, most int, more ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := more
		for _, t := range listed[conversation.Thread](c, cmd, "/v1/threads?limit="+strconv.Itoa(pageLimit)) {
			if !slices.Contains(args, t.ID) {
				names = append(names, cobra.CompletionWithDesc(t.ID, inLine(t.Title)))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

func newThreadsList(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the threads, the newest first",
		Long: `List the threads, the newest first: as they were made, whenever they were changed. One
without a title is listed by its first message.`,
		Example: `  enginebay threads list
  enginebay threads list --limit 100
  enginebay threads list --json | jq -r '.data[].id'`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(cmd)
	limit := cmd.Flags().IntP("limit", "n", 20, "how many at most")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *limit < 1 {
			return errors.New("--limit is a number above 0")
		}
		all, more, err := c.client().threads(cmd.Context(), *limit)
		if err != nil {
			return err
		}
		if *asJSON {
			return printList(cmd.OutOrStdout(), all)
		}
		return c.client().printThreads(cmd, all, more)
	}
	return cmd
}

// title is that of a thread, or how it begins: OpenAI's clients give none.
func (c client) title(ctx context.Context, t conversation.Thread) (string, error) {
	if t.Title != "" {
		return t.Title, nil
	}
	var first conversation.List[*conversation.Message]
	err := c.get(ctx, threadPath(t.ID, "messages")+"?order=asc&limit=1", &first)
	if hasStatus(err, http.StatusNotFound) { // it was deleted since
		return "", nil
	}
	return titleOf(first.Data), err
}

func (c client) printThreads(cmd *cobra.Command, all []conversation.Thread, more bool) error {
	if len(all) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "No threads. To begin one: enginebay run MODEL --thread new; to take those of Jan: enginebay import --from jan")
		return nil
	}
	var rows [][]string
	for _, t := range all {
		title, err := c.title(cmd.Context(), t)
		if err != nil {
			return err
		}
		rows = append(rows, []string{t.ID, dash(shorten(inLine(title), 50)), humanize.Time(time.Unix(t.UpdatedAt, 0))})
	}
	table(cmd.OutOrStdout(), []string{"THREAD", "TITLE", "CHANGED"}, rows)
	if more {
		fmt.Fprintf(cmd.ErrOrStderr(), "\nthere are more: enginebay threads list --limit %d\n", 5*len(all))
	}
	return nil
}

// inLine is a text of somebody else's as a line for a terminal.
func inLine(text string) string { return strings.Join(strings.Fields(plain(text)), " ") }

// plain is a text of somebody else's without what a terminal would obey.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return -1
		}
		return r
	}, text)
}

func newThreadsRm(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rm THREAD…",
		Aliases: []string{"remove", "delete"},
		Short:   "Remove threads with their messages",
		Long: `Remove threads with their messages, after a question, or with --yes. They are gone
for good: "enginebay threads export" keeps one before that.`,
		Example: `  enginebay threads rm thread_ai3Xr4l6KmoYdKY1AeN6gHPf
  enginebay threads rm --yes last`,
		Args:              needs("name one thread, as in: enginebay threads rm last; to list them: enginebay threads list"),
		ValidArgsFunction: completeThreads(c, 0, lastThread),
	}
	asJSON := jsonFlag(cmd)
	yes := cmd.Flags().BoolP("yes", "y", false, "ask nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		answers := []json.RawMessage{}
		for _, arg := range args {
			var answer json.RawMessage
			if answer, err = c.removeThread(cmd, arg, *yes); err != nil {
				break
			}
			if answers = append(answers, answer); !*asJSON {
				fmt.Fprintf(cmd.OutOrStdout(), "%s is removed\n", idOf(answer))
			}
		}
		if *asJSON { // also of those before one that could not be removed
			err = errors.Join(printList(cmd.OutOrStdout(), answers), err)
		}
		return err
	}
	return cmd
}

func idOf(answer []byte) string {
	var of struct{ ID string }
	_ = json.Unmarshal(answer, &of) // it is of our own server
	return of.ID
}

// removeThread asks first, unless yes is said already, and returns the server's answer.
func (c *config) removeThread(cmd *cobra.Command, arg string, yes bool) ([]byte, error) {
	id, err := c.client().threadID(cmd.Context(), arg)
	if err != nil {
		return nil, err
	}
	var t conversation.Thread
	if err := c.client().get(cmd.Context(), threadPath(id), &t); err != nil {
		return nil, noThread(err)
	}
	what := t.ID
	if t.Title != "" {
		what += fmt.Sprintf(" (%s)", inLine(t.Title))
	}
	switch {
	case yes:
	case !isTerminal(cmd.InOrStdin()):
		return nil, fmt.Errorf("%s would be gone for good, with its messages; to remove it: add --yes", what)
	case !agreed(cmd, "Remove "+what+" with its messages? [y/N] ", false):
		return nil, errors.New("nothing was removed")
	}
	return c.client().call(cmd.Context(), http.MethodDelete, threadPath(t.ID), nil)
}
