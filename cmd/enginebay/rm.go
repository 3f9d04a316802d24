package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func newRm(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rm MODEL…",
		Aliases: []string{"remove", "delete"},
		Short:   "Remove models",
		Long: `Remove the weights of models. The model file stays where they can be downloaded
again, with "enginebay pull MODEL". With --purge the whole folder goes. Weights that
lie elsewhere, named by a path, are never touched. A model that is loaded is unloaded
first, and a download is cancelled.

Weights that cannot be had again are removed only after a question, or with --yes,
and then the folder goes with them.`,
		Example: `  enginebay rm tiny-guide
  enginebay rm --purge --yes old-model older-model`,
		Args:              needs("name one model, as in: enginebay rm tiny-guide"),
		ValidArgsFunction: completeMoreModels(c),
	}
	asJSON := jsonFlag(cmd)
	purge := cmd.Flags().Bool("purge", false, "remove the model's folder with all that is in it")
	yes := cmd.Flags().BoolP("yes", "y", false, "ask nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		var answers []json.RawMessage
		for _, id := range args {
			var m model
			var answer json.RawMessage
			if m, answer, err = c.remove(cmd, id, *purge, *yes); err != nil {
				break
			}
			if answers = append(answers, answer); !*asJSON {
				printRemoved(cmd.OutOrStdout(), m, answer)
			}
		}
		if *asJSON { // also of those before one that could not be removed
			err = errors.Join(printList(cmd.OutOrStdout(), answers), err)
		}
		return err
	}
	return cmd
}

// remove asks first where something would be lost, unless yes is said already, and
// returns the model as it was and the server's answer.
func (c *config) remove(cmd *cobra.Command, id string, purge, yes bool) (m model, answer []byte, err error) {
	if err := c.client().get(cmd.Context(), modelPath(id), &m); err != nil {
		return m, nil, err
	}
	lost := m.lost()
	if m.ReadOnly { // the server says why nothing of it goes
		lost = ""
	}
	if lost != "" && !yes {
		if err := confirm(cmd, lost); err != nil {
			return m, nil, err
		}
	}
	path := modelPath(id)
	if purge || lost != "" { // the server removes an only copy only with its folder
		path += "?purge=true"
	}
	answer, err = c.client().call(cmd.Context(), http.MethodDelete, path, nil)
	return m, answer, err
}

func printRemoved(w io.Writer, m model, data []byte) {
	var answer struct{ ID, State string }
	_ = json.Unmarshal(data, &answer) // it is of our own server
	switch original := m.original(); {
	case answer.State != "" && m.State == "to_download" && m.Download == nil:
		fmt.Fprintf(w, "nothing of %s was here; it stays listed (%s); to have it gone: enginebay rm --purge %s\n", answer.ID, answer.State, answer.ID)
	case answer.State != "":
		fmt.Fprintf(w, "the weights of %s are removed; its model file stays (%s); to download them again: enginebay pull %s\n", answer.ID, answer.State, answer.ID)
	case original != "":
		fmt.Fprintf(w, "%s is removed; the original stays: %s\n", answer.ID, original)
	default:
		fmt.Fprintf(w, "%s is removed\n", answer.ID)
	}
}

// original is the file elsewhere that a model is linked to; empty where it is none.
func (m model) original() string {
	for _, source := range m.Sources {
		if filepath.IsAbs(source.URL) {
			return source.URL
		}
	}
	return ""
}

// lost says what nobody could get again; "" where that is nothing.
func (m model) lost() string {
	switch {
	case m.State == "to_download" && m.Error != "" && m.Download == nil:
		return fmt.Sprintf("It cannot be told whether %s can be downloaded again (%s).", m.ID, m.Error)
	case m.irreplaceable():
		return fmt.Sprintf("The weights of %s (%s) cannot be downloaded again.", m.ID, bytesText(m.Metadata["size"]))
	}
	return ""
}

// confirm asks before something goes for good.
func confirm(cmd *cobra.Command, lost string) error {
	if !isTerminal(cmd.InOrStdin()) {
		return fmt.Errorf("%s To remove the model with its folder all the same: add --yes", lost)
	}
	if !agreed(cmd, lost+" Remove the model with its folder? [y/N] ", false) {
		return errors.New("nothing was removed")
	}
	return nil
}

// agreed asks a question, and returns what an empty answer stands for where there
// is none.
func agreed(cmd *cobra.Command, question string, standard bool) bool {
	fmt.Fprint(cmd.ErrOrStderr(), question)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	case "":
		return standard && err == nil // Ctrl-D is no answer
	}
	return false
}

// irreplaceable says whether weights are here that no source gives again. One
// that is a path is the original itself, and stays.
func (m model) irreplaceable() bool {
	if m.Format == "api" || m.State == "to_download" || m.State == "downloading" {
		return false
	}
	for _, source := range m.Sources {
		if source.URL == "" {
			return true
		}
	}
	return len(m.Sources) == 0
}
