package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/schemas"
)

// fileFault is what is wrong with enginebay.yaml. What is right in it, the
// environment and the flags hold all the same.
type fileFault struct{ error }

func (f fileFault) Unwrap() error { return f.error }

// line is the first fault in one line.
func (f fileFault) line() string {
	var all schemas.Problems
	if !errors.As(f.error, &all) || len(all) < 2 {
		return f.Error()
	}
	return fmt.Sprintf("%v (and %d more)", all[0], len(all)-1)
}

// usable says whether settings were loaded, be it with a fault in enginebay.yaml.
func usable(err error) bool { return err == nil || errors.As(err, new(fileFault)) }

// strictly loads the settings for commands that are about them: a fault ends them.
func (c *config) strictly(*cobra.Command, []string) error { return c.load() }

// leniently loads the settings for all other commands: a fault in enginebay.yaml
// is no reason not to list the models of a server that runs.
func (c *config) leniently(cmd *cobra.Command, _ []string) error {
	var fault fileFault
	err := c.load()
	if !errors.As(err, &fault) {
		return err
	}
	if !completes(cmd) {
		fmt.Fprintf(cmd.ErrOrStderr(), "enginebay: warning: %s\n", fault.line())
	}
	return nil
}

// completes says whether a shell reads what the command prints, in the middle of
// a person's line.
func completes(cmd *cobra.Command) bool {
	return cmd.Name() == cobra.ShellCompRequestCmd || cmd.Name() == cobra.ShellCompNoDescRequestCmd ||
		cmd.HasParent() && cmd.Parent().Name() == "completion"
}
