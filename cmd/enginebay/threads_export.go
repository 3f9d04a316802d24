package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/conversation/jan"
	"github.com/enginebay/enginebay/core/durable"
)

// exportFlags say what becomes of the threads.
type exportFlags struct {
	format, out string
	all, force  bool
}

func newThreadsExport(c *config) *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export THREAD…",
		Short: "Write threads as JSON, as Markdown, or for Jan",
		Long: `Write threads as JSON, which "enginebay threads import" reads on any server; as
Markdown, to be read; or as a data folder of Jan. One thread goes to standard output
unless --output names a file, whose ending says the format; several go into the folder
that it names, each into a file of its own.`,
		Example: `  enginebay threads export last --format markdown
  enginebay threads export last -o holidays.json
  enginebay threads export last -o holidays.md
  enginebay threads export --all -o backup
  enginebay threads export --all --format jan -o ~/jan`,
		ValidArgsFunction: completeThreads(c, 0, lastThread),
	}
	cmd.Flags().StringVarP(&f.format, "format", "f", "", "json, markdown or jan (default json, or what the ending of --output says)")
	cmd.Flags().StringVarP(&f.out, "output", "o", "", "the file, or the folder, to write")
	cmd.Flags().BoolVarP(&f.all, "all", "a", false, "all threads")
	cmd.Flags().BoolVar(&f.force, "force", false, "overwrite what is there")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"json", "markdown", "jan"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if !cmd.Flags().Changed("format") {
			f.format = formatOf(f.out)
		}
		return f.fault(args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return c.exportThreads(cmd, f, args) }
	return cmd
}

// formatOf is what the name of a file says of its format.
func formatOf(file string) string {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".md", ".markdown":
		return "markdown"
	}
	return "json"
}

// fault is what does not go together.
func (f exportFlags) fault(args []string) error {
	switch {
	case f.format != "json" && f.format != "markdown" && f.format != "jan":
		return fmt.Errorf("--format %s: the formats are json, markdown and jan", f.format)
	case f.all && len(args) > 0:
		return errors.New("name threads, or all of them with --all")
	case !f.all && len(args) == 0:
		return errors.New("name one thread, as in: enginebay threads export last; or all of them with --all")
	case f.out == "" && f.format == "jan":
		return errors.New("--format jan writes a folder: name it, as in: --output ~/jan")
	case f.out == "" && (f.all || len(args) > 1):
		return errors.New("several threads go into a folder: name it, as in: --output threads")
	}
	return nil
}

func (c *config) exportThreads(cmd *cobra.Command, f exportFlags, args []string) error {
	if f.all {
		all, _, err := c.client().threads(cmd.Context(), math.MaxInt)
		if err != nil {
			return err
		}
		for _, t := range all {
			args = append(args, t.ID)
		}
	}
	several := f.all || len(args) > 1
	for _, arg := range args {
		id, err := c.client().threadID(cmd.Context(), arg)
		if err != nil {
			return err
		}
		path, err := c.exportThread(cmd, f, id, several)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there already; to overwrite it: add --force", path)
		}
		if err != nil {
			return err
		}
		if path != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s is in %s\n", id, path)
		}
	}
	if len(args) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "there are no threads")
	}
	return nil
}

// exportThread writes one thread, and returns where it is; "" for standard output.
func (c *config) exportThread(cmd *cobra.Command, f exportFlags, id string, several bool) (path string, err error) {
	if f.format == "jan" {
		return c.exportToJan(cmd, f, id)
	}
	data, err := c.client().call(cmd.Context(), http.MethodGet, threadPath(id, "export")+"?format="+f.format, nil)
	if err != nil {
		return "", noThread(err)
	}
	if f.out == "" || f.out == "-" {
		if f.format == "json" {
			return "", printRaw(cmd.OutOrStdout(), data)
		}
		_, err := cmd.OutOrStdout().Write(data)
		return "", err
	}
	path = f.out
	info, err := os.Stat(path)
	if several || err == nil && info.IsDir() {
		name := url.PathEscape(id) + map[string]string{"json": ".json", "markdown": ".md"}[f.format]
		path = filepath.Join(f.out, name)
	}
	if _, err := os.Lstat(path); err == nil && !f.force {
		return path, fs.ErrExist
	}
	if several {
		if err := os.MkdirAll(f.out, 0o700); err != nil {
			return "", err
		}
	}
	if err := durable.Replace(path, data, 0o600); err != nil {
		return "", fmt.Errorf("%s cannot be written: %w", path, reason(err))
	}
	return path, nil
}

// exportToJan writes a thread into a data folder of Jan.
func (c *config) exportToJan(cmd *cobra.Command, f exportFlags, id string) (path string, err error) {
	t, messages, err := c.client().thread(cmd.Context(), id, 0)
	if err != nil {
		return "", err
	}
	if t.Title == "" { // Jan lists threads by their titles
		t.Title = titleOf(messages)
	}
	path, err = jan.Write(f.out, t, messages, f.force)
	if errors.Is(err, fs.ErrExist) {
		return filepath.Join(f.out, "threads", id), fs.ErrExist
	}
	return path, err
}

// maxTitle is how much of a message becomes a title, in characters.
const maxTitle = 60

// titleOf is the beginning of the first thing that the user said.
func titleOf(messages []*conversation.Message) string {
	for _, m := range messages {
		for _, part := range m.Content {
			if m.Role == "user" && part.Text != nil {
				return shorten(inLine(part.Text.Value), maxTitle)
			}
		}
	}
	return ""
}
