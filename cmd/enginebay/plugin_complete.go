package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/install"
)

// completeInstalled completes the name of one plugin that is installed.
func completeInstalled(c *config) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c.installedNames(), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeMoreInstalled completes names that are not there yet.
func completeMoreInstalled(c *config) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return slices.DeleteFunc(c.installedNames(), func(name string) bool { return slices.Contains(args, name) }), cobra.ShellCompDirectiveNoFileComp
	}
}

func (c *config) installedNames() (names []string) {
	if !usable(c.load()) {
		return nil
	}
	all, _ := install.Current(c.home)
	for _, p := range all {
		names = append(names, p.Name)
	}
	return names
}

// completeVersions completes NAME@VERSION of what is installed and not in use.
func completeVersions(c *config) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) (versions []string, _ cobra.ShellCompDirective) {
		if len(args) > 0 || !usable(c.load()) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		_ = c.withWorkshop(cmd, func(w *workshop) error {
			all, err := w.Installed()
			for _, p := range all {
				for _, v := range p.Versions {
					if !v.Current {
						versions = append(versions, short(p.Name)+"@"+v.Version)
					}
				}
			}
			return err
		})
		return versions, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeOffered completes names of plugins that registries have.
func completeOffered(c *config) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
		if !usable(c.load()) {
			return nil, cobra.ShellCompDirectiveDefault
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
		defer cancel()
		_ = c.withWorkshop(cmd, func(w *workshop) error {
			found, _, err := w.Search(ctx)
			for _, f := range found {
				if !slices.Contains(args, f.Name) {
					names = append(names, f.Name+"\t"+f.Description)
				}
			}
			return err
		})
		return names, cobra.ShellCompDirectiveDefault // or the path of a file
	}
}
