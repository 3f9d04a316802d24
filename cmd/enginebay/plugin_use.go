package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/install"
)

// changeOver is the action of a change to a version that is there already.
const changeOver = "use"

func newPluginRollback(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback PLUGIN",
		Short: "Go back to the version of a plugin that was used before",
		Long: `Go back to the version that was used before. Nothing is downloaded: it is still there, and
its files are checked. Done twice, it is as it was. A running server changes over by itself;
where the version does not come up there, nothing changes, and the exit status is 1.`,
		Example:           `  enginebay plugin rollback llamacpp`,
		Args:              onePlugin,
		ValidArgsFunction: completeInstalled(c),
		Annotations:       withoutServer,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.withWorkshop(cmd, func(w *workshop) error {
			return w.turn(args[0], *asJSON, func(ctx context.Context) (install.Plugin, error) { return w.Rollback(ctx, args[0]) })
		})
	}
	return cmd
}

func newPluginUse(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "use PLUGIN@VERSION",
		Short: "Change over to a version of a plugin that is installed",
		Long: `Change over to a version that is installed already; "enginebay plugin list --versions" has
them. A version that did not come up before is tried again. Where there are several packages
of one version, name the first eight or more digits of the package's digest.

A running server changes over by itself; where the version does not come up there, nothing
changes, and the exit status is 1.`,
		Example: `  enginebay plugin use llamacpp@1.2.0
  enginebay plugin use acme/words@3fb2c1d4`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if name, version, _ := strings.Cut(args[0], "@"); name != "" && version != "" {
					return nil
				}
			}
			return fmt.Errorf("name one plugin and its version, as in: %s llamacpp@1.2.0", cmd.CommandPath())
		},
		ValidArgsFunction: completeVersions(c),
		Annotations:       withoutServer,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, version, _ := strings.Cut(args[0], "@")
		return c.withWorkshop(cmd, func(w *workshop) error {
			return w.turn(name, *asJSON, func(ctx context.Context) (install.Plugin, error) { return w.Use(ctx, name, version) })
		})
	}
	return cmd
}

// turn changes over to another version that is there, and tells what came of it.
func (w *workshop) turn(name string, asJSON bool, do func(context.Context) (install.Plugin, error)) error {
	before, _, err := w.installed(name)
	if err != nil {
		return err
	}
	changes := w.listen()
	defer changes.close()
	p, err := do(w.cmd.Context())
	if err != nil {
		return told(err)
	}
	old, now := current(before), current(p)
	done := installed{Name: p.Name, Version: now.Version, Variant: now.Variant, Digest: now.Digest, Action: changeOver, Before: old.Version, Server: serverNone}
	if old.Digest == now.Digest {
		done.Action = install.Nothing
	} else {
		done.Server, done.Error = w.heard(changes, short(p.Name))
	}
	switch {
	case asJSON:
		err = printJSON(w.cmd.OutOrStdout(), done)
	case done.Action == install.Nothing:
		fmt.Fprintf(w.cmd.OutOrStdout(), "%s %s is in use already.\n", done.Name, done.Version)
	default:
		w.told(done)
	}
	if err == nil && done.Error != "" {
		return quietError{}
	}
	return err
}
