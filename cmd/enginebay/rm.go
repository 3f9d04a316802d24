package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func newRm(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rm MODEL…",
		Aliases: []string{"remove", "delete"},
		Short:   "Remove models",
		Long: `Remove the weights of models. The model file stays where they can be downloaded
again, by you: this version does not download yet. With --purge the whole folder
goes. Weights that lie elsewhere, named by a path, are never touched. A model that
is loaded is unloaded first.

Weights that cannot be had again are removed only after a question, or with --yes,
and then the folder goes with them.`,
		Example: `  enginebay rm tiny-guide
  enginebay rm --purge --yes old-model older-model`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return nil
			}
			return oneModel(cmd, args)
		},
		ValidArgsFunction: completeMoreModels(c),
	}
	asJSON := jsonFlag(cmd)
	purge := cmd.Flags().Bool("purge", false, "remove the model's folder with all that is in it")
	yes := cmd.Flags().BoolP("yes", "y", false, "ask nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		var answers []json.RawMessage
		for _, id := range args {
			var answer json.RawMessage
			if answer, err = c.remove(cmd, id, *purge, *yes); err != nil {
				break
			}
			if answers = append(answers, answer); !*asJSON {
				printRemoved(cmd.OutOrStdout(), answer)
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
// returns the server's answer.
func (c *config) remove(cmd *cobra.Command, id string, purge, yes bool) ([]byte, error) {
	lost, err := c.lost(cmd, id)
	if err == nil && lost != "" && !yes {
		err = confirm(cmd, lost)
	}
	if err != nil {
		return nil, err
	}
	path := modelPath(id)
	if purge || lost != "" { // the server removes an only copy only with its folder
		path += "?purge=true"
	}
	return c.client().call(cmd.Context(), http.MethodDelete, path, nil)
}

func printRemoved(w io.Writer, data []byte) {
	var answer struct{ ID, State string }
	_ = json.Unmarshal(data, &answer) // it is of our own server
	if answer.State == "" {
		fmt.Fprintf(w, "%s is removed\n", answer.ID)
		return
	}
	fmt.Fprintf(w, "the weights of %s are removed; its model file stays (%s)\n", answer.ID, answer.State)
}

// lost says what nobody could get again; "" where that is nothing.
func (c *config) lost(cmd *cobra.Command, id string) (string, error) {
	var m model
	if err := c.client().get(cmd.Context(), modelPath(id), &m); err != nil {
		return "", err
	}
	switch {
	case m.State == "to_download" && m.Error != "":
		return fmt.Sprintf("It cannot be told whether %s can be downloaded again (%s).", m.ID, m.Error), nil
	case m.irreplaceable():
		return fmt.Sprintf("The weights of %s (%s) cannot be downloaded again.", m.ID, bytesText(m.Metadata["size"])), nil
	}
	return "", nil
}

// confirm asks before something goes for good.
func confirm(cmd *cobra.Command, lost string) error {
	if !isTerminal(cmd.InOrStdin()) {
		return fmt.Errorf("%s To remove the model with its folder all the same: add --yes", lost)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s Remove the model with its folder? [y/N] ", lost)
	answer, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if !slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer))) {
		return errors.New("nothing was removed")
	}
	return nil
}

// irreplaceable says whether weights are here that no source gives again. One
// that is a path is the original itself, and stays.
func (m model) irreplaceable() bool {
	if m.Format == "api" || m.State == "to_download" {
		return false
	}
	for _, source := range m.Sources {
		if source.URL == "" {
			return true
		}
	}
	return len(m.Sources) == 0
}
