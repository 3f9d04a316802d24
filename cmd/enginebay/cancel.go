package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func newCancel(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cancel MODEL…",
		Short: "Stop downloads",
		Long: `Stop the downloads of models. What is here of them is kept, and "enginebay pull MODEL"
goes on with it; with --discard it is removed.`,
		Example: `  enginebay cancel mistral-7b
  enginebay cancel --discard mistral-7b hermes-7b`,
		Args:              needs("name one model, as in: enginebay cancel mistral-7b"),
		ValidArgsFunction: completeMore(c, func(m model) bool { return m.Download != nil }),
	}
	asJSON := jsonFlag(cmd)
	discard := cmd.Flags().Bool("discard", false, "remove what is here of the download")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var answers []json.RawMessage
		var failed error
		for _, id := range args {
			answer, err := c.cancel(cmd, id, *discard, !*asJSON)
			if err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			answers = append(answers, answer)
		}
		if *asJSON {
			failed = errors.Join(printList(cmd.OutOrStdout(), answers), failed)
		}
		return failed
	}
	return cmd
}

// cancel stops the download of a model, says so where it is to tell, and returns
// the server's answer.
func (c *config) cancel(cmd *cobra.Command, id string, discard, tell bool) ([]byte, error) {
	client := c.client()
	var before model
	if err := client.get(cmd.Context(), modelPath(id), &before); err != nil {
		return nil, err
	}
	path := modelPath(id) + "/cancel"
	if discard {
		path += "?discard=true"
	}
	data, err := client.call(cmd.Context(), http.MethodPost, path, nil)
	if err == nil && tell {
		fmt.Fprintln(cmd.OutOrStdout(), cancelled(before, discard))
	}
	return data, err
}

// cancelled says what became of the download of a model.
func cancelled(before model, discard bool) string {
	one := &pulling{id: before.ID, download: before.Download}
	switch {
	case before.Download == nil:
		return before.ID + " was not being downloaded"
	case discard:
		return fmt.Sprintf("the download of %s was cancelled, and what was here of it is removed", before.ID)
	}
	return one.cancelled()
}
