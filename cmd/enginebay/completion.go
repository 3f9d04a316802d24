package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// completeTimeout bounds what a person at a prompt waits for.
const completeTimeout = time.Second

// completeModels completes the id of one model, where a server answers.
func completeModels(c *config) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c.names(cmd, "/v1/models"), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeMoreModels completes ids that are not there yet.
func completeMoreModels(c *config) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		rest := slices.DeleteFunc(c.names(cmd, "/v1/models"), func(id string) bool { return slices.Contains(args, id) })
		return rest, cobra.ShellCompDirectiveNoFileComp
	}
}

// names are those of a list of the API. Completion starts no server, and says
// nothing where none answers: the person is in the middle of a line.
func (c *config) names(cmd *cobra.Command, path string) []string {
	var list struct{ Data []struct{ ID, Name string } }
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	if !usable(c.load()) || c.client().get(ctx, path, &list) != nil {
		return nil
	}
	var names []string
	for _, entry := range list.Data {
		names = append(names, firstOf(entry.ID, entry.Name)) // a plugin has only a name
	}
	return names
}
