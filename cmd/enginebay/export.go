package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func newExport(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export MODEL [FILE.zip]",
		Short: "Write a model into a zip file",
		Long: `Write a model, its model file and its weights, into a zip file that "enginebay import"
reads on any other machine: there it has the same id and settings. Without a name the
file is named after the model; - is standard output.`,
		Example: `  enginebay export tiny-guide
  enginebay export tiny-guide /media/stick/tiny.zip
  enginebay export tiny-guide --no-weights
  enginebay export tiny-guide - | ssh other 'cat > tiny-guide.zip'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 2 {
				return nil
			}
			return oneModel(cmd, nil)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return []string{"zip"}, cobra.ShellCompDirectiveFilterFileExt
			}
			return completeMore(c, func(m model) bool { return m.State == "ready" || m.State == "running" })(cmd, args, word)
		},
	}
	force := cmd.Flags().Bool("force", false, "overwrite a file that is there")
	bare := cmd.Flags().Bool("no-weights", false, "without the weights: they are downloaded again on the other machine")
	quiet := cmd.Flags().BoolP("quiet", "q", false, "print nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		e := export{client: c.client(), id: args[0], bare: *bare, force: *force, quiet: *quiet}
		if len(args) == 2 {
			e.file = args[1]
		}
		return e.run(cmd)
	}
	return cmd
}

// export is one model on its way into a file.
type export struct {
	client             client
	id, file           string
	bare, force, quiet bool
}

func (e export) run(cmd *cobra.Command) error {
	if e.file == "-" {
		if newScreen(cmd.OutOrStdout()) != nil {
			return errors.New("a zip file is nothing for a terminal: name a file, or pipe it on")
		}
		_, err := e.copy(cmd, cmd.OutOrStdout())
		return err
	}
	file, err := e.target()
	if err != nil {
		return err
	}
	if err := e.downloadable(cmd); err != nil {
		return err
	}
	sum, err := e.save(cmd, file)
	if err != nil && cmd.Context().Err() != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "export was cancelled; nothing was written")
	}
	if err == nil && !e.quiet {
		fmt.Fprintf(cmd.OutOrStdout(), "%s is in %s (%s); on another machine: enginebay import %s\n", e.id, file, sum, filepath.Base(file))
	}
	return err
}

// downloadable says whether the weights may stay away.
func (e export) downloadable(cmd *cobra.Command) error {
	var m model
	if !e.bare || e.client.get(cmd.Context(), modelPath(e.id), &m) != nil { // what is wrong the export itself will tell
		return nil
	}
	if m.irreplaceable() {
		return fmt.Errorf("the weights of %s cannot be downloaded again: leave out --no-weights", e.id)
	}
	return nil
}

// target is the file to write, which is not there yet or may be overwritten.
func (e export) target() (string, error) {
	name := strings.ReplaceAll(e.id, "/", "-") + ".zip"
	file := firstOf(e.file, name)
	info, err := os.Stat(file)
	if err == nil && info.IsDir() {
		file = filepath.Join(file, name)
		info, err = os.Stat(file)
	}
	switch {
	case err == nil && !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is there, and no file that could be overwritten", file)
	case err == nil && !e.force:
		return "", fmt.Errorf("%s is there already; to overwrite it: add --force", file)
	}
	return file, nil
}

// save writes the file beside its place and puts it there when it is whole.
func (e export) save(cmd *cobra.Command, file string) (sum string, err error) {
	part := filepath.Join(filepath.Dir(file), fmt.Sprintf(".%s.%d.part", filepath.Base(file), os.Getpid()))
	temp, err := os.Create(part)
	if err != nil {
		return "", fmt.Errorf("%s cannot be written: %w", file, reason(err))
	}
	defer os.Remove(part)
	defer temp.Close()
	if sum, err = e.copy(cmd, temp); err != nil {
		return "", err
	}
	if err := whole(temp); err != nil {
		return "", fmt.Errorf("the archive of %s did not come whole: %w", e.id, err)
	}
	if err := errors.Join(temp.Sync(), temp.Close()); err != nil {
		return "", err
	}
	return sum, os.Rename(part, file)
}

// whole says whether an archive has its end, where its directory stands.
func whole(f *os.File) error {
	info, err := f.Stat()
	if err == nil {
		_, err = zip.NewReader(f, info.Size())
	}
	return err
}

// copy writes what the server sends.
func (e export) copy(cmd *cobra.Command, to io.Writer) (sum string, err error) {
	path := modelPath(e.id) + "/export"
	if e.bare {
		path += "?weights=false"
	}
	resp, err := e.client.send(cmd.Context(), http.MethodGet, path, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	t := newTransfer(cmd, e.id, max(0, resp.ContentLength), e.quiet)
	defer t.end()
	if _, err := io.Copy(to, t.reader(resp.Body)); err != nil {
		return "", fmt.Errorf("export %s: %w", e.id, err)
	}
	return t.sum(), nil
}
