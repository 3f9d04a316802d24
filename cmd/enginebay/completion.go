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
	return completeMore(c, func(model) bool { return true })
}

// completeMore completes the ids of models that a command can use.
func completeMore(c *config, useful func(model) bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var ids []string
		for _, m := range listed[model](c, cmd, "/v1/models") {
			if useful(m) && !slices.Contains(args, m.ID) {
				ids = append(ids, m.ID)
			}
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}

// names are those of a list of the API.
func (c *config) names(cmd *cobra.Command, path string) []string {
	var names []string
	for _, entry := range listed[struct{ ID, Name string }](c, cmd, path) {
		names = append(names, firstOf(entry.ID, entry.Name)) // a plugin has only a name
	}
	return names
}

// listed are the entries of a list of the API. Completion starts no server, and
// says nothing where none answers: the person is in the middle of a line.
func listed[T any](c *config, cmd *cobra.Command, path string) []T {
	var list struct{ Data []T }
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	if !usable(c.load()) || c.client().get(ctx, path, &list) != nil {
		return nil
	}
	return list.Data
}
