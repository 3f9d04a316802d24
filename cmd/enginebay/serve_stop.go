package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// endTimeout is how long a server may take to end: it gives streams ten seconds,
// and plugins as much.
const endTimeout = 40 * time.Second

// homeOnly takes the place of load for commands that must work although
// enginebay.yaml is wrong.
func (c *config) homeOnly(*cobra.Command, []string) error { return c.findHome() }

// newServeStop stands below serve, and not beside stop: "enginebay stop" unloads
// a model, and what was started by serve, or for it, is ended where it was begun.
func newServeStop(c *config) *cobra.Command {
	return &cobra.Command{
		PersistentPreRunE: c.homeOnly,

		Use:   "stop",
		Short: "End the server of this home",
		Long: `End the server of this home, wherever it was started, and return when it has
ended: streams are given ten seconds, models are unloaded. There is no way to do
this over the network.`,
		Example: `  enginebay serve stop
  enginebay serve stop --home /srv/models`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, ok := serverOf(c.home)
			if !ok {
				fmt.Fprintf(cmd.OutOrStdout(), "no server of %s runs; another home is named with --home DIR\n", c.home)
				return nil
			}
			if err := end(cmd.Context(), c.home, o); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "the server at http://%s (pid %d) has ended\n", o.Addr, o.Pid)
			return nil
		},
	}
}

func end(ctx context.Context, home string, o owner) error {
	p, err := os.FindProcess(o.Pid)
	if err == nil {
		err = terminate(p)
	}
	if err != nil {
		return fmt.Errorf("end the server (pid %d): %w", o.Pid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	if err := waitEnd(ctx, home); err != nil {
		return fmt.Errorf("the server (pid %d) has not ended within %v; see its log", o.Pid, endTimeout)
	}
	return nil
}

func newServeStatus(c *config) *cobra.Command {
	cmd := &cobra.Command{
		PersistentPreRunE: c.homeOnly,

		Use:   "status",
		Short: "Say whether a server of this home runs",
		Long:  "Say whether a server of this home runs. The exit status is 1 when there is none.",
		Example: `  enginebay serve status
  enginebay serve status --json | jq -r .addr`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		out := cmd.OutOrStdout()
		o, ok := serverOf(c.home)
		switch {
		case ok && *asJSON:
			return printJSON(out, o)
		case *asJSON: // the exit status says it
			return quietError{}
		case !ok:
			fmt.Fprintf(out, "no server of %s runs; another home is named with --home DIR\n", c.home)
			return quietError{}
		}
		fmt.Fprintf(out, "a server of %s runs at http://%s (pid %d, version %s, for %s)\n", c.home, o.Addr, o.Pid, o.Version, ago(o.Started))
		return nil
	}
	return cmd
}
