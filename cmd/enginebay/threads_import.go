package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/conversation/jan"
)

func newThreadsImport(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE|FOLDER…",
		Short: "Take threads of other servers, or of Jan",
		Long: `Take threads that "enginebay threads export" wrote as JSON: files, or all *.json of a
folder; or those of a data folder of Jan. Their ids and times stay; a thread that is
here already is left as it is. - is standard input.

The folder that Jan uses on this machine is found by: enginebay import --from jan`,
		Example: `  enginebay threads import holidays.json
  enginebay threads import backup
  enginebay threads import ~/old/jan
  enginebay threads export last | enginebay --addr 127.0.0.1:8080 threads import -`,
		Args: needs("name a file or a folder that enginebay threads export wrote, or a data folder of Jan"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault // files
		},
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		i := newThreadImport(c, cmd)
		i.json = *asJSON
		for _, arg := range args {
			if err := i.path(arg); err != nil {
				return err
			}
		}
		return i.end()
	}
	return cmd
}

// threadImport takes threads, and counts.
type threadImport struct {
	client client
	cmd    *cobra.Command
	json   bool // the sum is printed for scripts
	quiet  bool // no sum

	threads imported
}

// imported is what became of threads.
type imported struct {
	Imported []string `json:"imported"`     // their ids
	Here     []string `json:"already_here"` // their ids
	Failed   []string `json:"failed"`       // where they are
	Messages int      `json:"messages"`     // of those that were imported
}

func newThreadImport(c *config, cmd *cobra.Command) *threadImport {
	return &threadImport{client: c.client(), cmd: cmd, threads: imported{Imported: []string{}, Here: []string{}, Failed: []string{}}}
}

// path takes a file, or a folder.
func (i *threadImport) path(arg string) error {
	if arg == "-" {
		return i.file(arg, i.cmd.InOrStdin())
	}
	info, err := os.Stat(arg)
	if err != nil {
		return fmt.Errorf("%s: %w", arg, reason(err))
	}
	if info.IsDir() {
		return i.dir(arg)
	}
	f, err := os.Open(arg)
	if err != nil {
		return err
	}
	defer f.Close()
	return i.file(arg, f)
}

// dir takes the exports in a folder, or what it has as a data folder of Jan.
func (i *threadImport) dir(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "threads")); err == nil {
		return i.folder(dir)
	}
	names, err := fs.Glob(os.DirFS(dir), "*.json")
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%s has no threads: neither files that enginebay threads export wrote, nor the folder threads of a data folder of Jan", dir)
	}
	for _, name := range names {
		if err == nil {
			err = i.path(filepath.Join(dir, name))
		}
	}
	return err
}

// maxExport bounds an exported thread, in bytes; the server has a bound of its own.
const maxExport = 1 << 30

func (i *threadImport) file(name string, r io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(r, maxExport))
	if err != nil {
		return err
	}
	var e struct { // the server reads the rest
		Thread   *struct{ ID string }
		Messages []json.RawMessage
	}
	if json.Unmarshal(data, &e) != nil || e.Thread == nil {
		return fmt.Errorf("%s is no thread that enginebay threads export wrote", name)
	}
	return i.one(name, json.RawMessage(data), e.Thread.ID, len(e.Messages))
}

// folder takes the threads of a data folder of Jan.
func (i *threadImport) folder(dir string) error {
	assistants, notes, err := jan.Assistants(dir)
	if err != nil {
		return err
	}
	i.note(dir, notes)
	for c, err := range jan.Read(dir) {
		if c == nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		place := filepath.Join(dir, c.Folder)
		if err != nil {
			i.failed(place, err)
			continue
		}
		e := conversation.NewExport(c.Thread, c.Messages, used(c.Thread, assistants))
		i.note(place, c.Notes)
		if err := i.one(place, e, c.Thread.ID, len(c.Messages)); err != nil {
			return err
		}
	}
	return nil
}

// used are the assistants of a thread.
func used(t *conversation.Thread, all []*conversation.Assistant) (some []*conversation.Assistant) {
	for _, a := range all {
		for _, of := range t.Assistants {
			if of.AssistantID == a.ID {
				some = append(some, a)
				break
			}
		}
	}
	return some
}

// one sends a thread. What the server refuses is told, and the others are taken; what
// no other would fare better with is an error.
func (i *threadImport) one(place string, body any, id string, messages int) error {
	_, err := i.client.call(i.cmd.Context(), http.MethodPost, "/v1/threads/import", body)
	switch {
	case err == nil:
		i.threads.Imported = append(i.threads.Imported, id)
		i.threads.Messages += messages
	case hasStatus(err, http.StatusConflict):
		i.threads.Here = append(i.threads.Here, id)
	case hasStatus(err, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity):
		i.failed(place, err)
	default:
		return errors.Join(err, i.end())
	}
	return nil
}

func (i *threadImport) failed(place string, err error) {
	i.threads.Failed = append(i.threads.Failed, place)
	fmt.Fprintf(i.cmd.ErrOrStderr(), "enginebay: %s: %v\n", place, err)
}

func (i *threadImport) note(place string, notes []string) {
	for _, note := range notes {
		fmt.Fprintf(i.cmd.ErrOrStderr(), "%s: %s\n", place, note)
	}
}

// end prints the sum.
func (i *threadImport) end() error {
	t := i.threads
	switch {
	case i.json: // one line, as other events of an import have one
		data, err := json.Marshal(t)
		if err != nil {
			return err
		}
		fmt.Fprintf(i.cmd.OutOrStdout(), "%s\n", data)
	case !i.quiet:
		i.sum()
	}
	if len(t.Failed) > 0 {
		return quietError{}
	}
	return nil
}

func (i *threadImport) sum() {
	t, out := i.threads, i.cmd.OutOrStdout()
	if len(t.Imported) > 0 {
		fmt.Fprintf(out, "%s imported, with %s; to list them: enginebay threads list\n", counted(len(t.Imported), "thread", "threads"), counted(t.Messages, "message", "messages"))
	}
	if len(t.Here) > 0 {
		fmt.Fprintf(out, "%s here already\n", counted(len(t.Here), "thread is", "threads are"))
	}
	if len(t.Imported)+len(t.Here)+len(t.Failed) == 0 {
		fmt.Fprintln(out, "there are no threads")
	}
}
