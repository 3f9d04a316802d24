package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/local"
)

// What --only takes of Jan.
const (
	onlyModels        = "models"
	onlyConversations = "conversations"
)

// importJan takes the models and the conversations of Jan: the models on the server's
// machine, the conversations on this one.
func (c *config) importJan(cmd *cobra.Command, f importFlags) error {
	folders, count := janConversations()
	if f.only != onlyConversations {
		err := c.importModels(cmd, f, nil)
		switch {
		case f.only == "" && count == 0 && hasStatus(err, http.StatusNotFound):
			return fmt.Errorf("%w; and no conversations of Jan are on this machine: enginebay threads import FOLDER takes those of a folder", err)
		case f.only == onlyModels || count == 0:
			return err
		case hasStatus(err, http.StatusNotFound) || errors.Is(err, errNothing): // no models, or none that are wanted
			fmt.Fprintf(cmd.ErrOrStderr(), "models: %v\n", err)
		case err != nil:
			return err
		}
	}
	what := counted(count, "conversation", "conversations")
	switch {
	case count == 0:
		return errors.New("no conversations of Jan are on this machine; where its data folder is elsewhere: enginebay threads import FOLDER")
	case f.list:
		fmt.Fprintf(cmd.ErrOrStderr(), "\nto take its %s, too:  enginebay import --from jan --only conversations\n", what)
		return nil
	case f.yes:
	case !isTerminal(cmd.InOrStdin()):
		return fmt.Errorf("there are %s of Jan; to take them: add --yes", what)
	case !agreed(cmd, "Take "+what+" of Jan? [Y/n] ", true):
		return errNothing
	}
	i := newThreadImport(c, cmd)
	i.json, i.quiet = f.json, f.quiet
	for _, dir := range folders {
		if err := i.folder(dir); err != nil {
			return err
		}
	}
	return i.end()
}

// janConversations are the data folders of Jan on this machine that have threads, and
// how many these are.
func janConversations() (folders []string, count int) {
	for _, dir := range local.JanFolders(local.Here()) {
		entries, _ := os.ReadDir(filepath.Join(dir, "threads")) // most have none
		n := 0
		for _, entry := range entries {
			if !entry.Type().IsRegular() {
				n++
			}
		}
		if n > 0 {
			folders, count = append(folders, dir), count+n
		}
	}
	return folders, count
}
