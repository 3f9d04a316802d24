package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func newEngineTest(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test ENGINE",
		Short: "Make a round trip through an engine, and say what fails",
		Long: `Start the engine's plugin with its settings, ask for the service's models where it
has such a list, load a model, and have it answer a word: a real request, which a
service may count. It is the model of --model, else one that is loaded, else the
smallest that is ready, else one that the service offers.

The exit status is 1 when a step fails.`,
		Example: `  enginebay engine test llamacpp
  enginebay engine test groq --model llama-3.1-8b-instant
  enginebay engine test azure-east --json | jq '.steps[] | select(.error)'`,
		Args:              oneEngine,
		ValidArgsFunction: completeEngine(c),
	}
	asJSON := jsonFlag(cmd)
	model := cmd.Flags().String("model", "", "the model to try: its id, or its name at the service")
	_ = cmd.RegisterFlagCompletionFunc("model", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return c.names(cmd, "/v1/models"), cobra.ShellCompDirectiveNoFileComp
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		data, err := c.client().call(cmd.Context(), http.MethodPost, enginePath(args[0])+"/test", map[string]string{"model": *model})
		if err != nil {
			return err
		}
		var t trial
		if err := json.Unmarshal(data, &t); err != nil {
			return err
		}
		if *asJSON {
			err = printRaw(cmd.OutOrStdout(), data)
		} else {
			t.print(cmd.OutOrStdout())
		}
		if err == nil && !t.OK {
			err = quietError{}
		}
		return err
	}
	return cmd
}

// trial is a round trip through an engine.
type trial struct {
	ID    string
	OK    bool
	Steps []struct {
		Name          string
		OK, Skipped   bool
		TookMS        int64 `json:"took_ms"`
		Detail, Error string
	}
}

func (t trial) print(w io.Writer) {
	for _, step := range t.Steps {
		status, took := statusOK, " ("+(time.Duration(step.TookMS)*time.Millisecond).String()+")"
		switch {
		case step.Skipped:
			status, took = "-", ""
		case !step.OK:
			status = statusFail
		}
		fmt.Fprintf(w, "%-4s  %s: %s%s\n", status, step.Name, asCommands(firstOf(step.Error, step.Detail, "not tried")), took)
	}
	if t.OK {
		fmt.Fprintf(w, "\n%s works\n", t.ID)
	}
}

func newEngineRestart(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restart ENGINE",
		Short: "Start an engine's process anew",
		Long: `Start the engine's plugin anew: it is tried once, new requests go to a new process,
and the old one ends when its answers are over. One that does not start changes
nothing. A secret that changed where it is kept counts from then on.`,
		Example:           `  enginebay engine restart llamacpp`,
		Args:              oneEngine,
		ValidArgsFunction: completeEngine(c),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		data, err := c.client().call(cmd.Context(), http.MethodPost, enginePath(args[0])+"/restart", nil)
		if err != nil {
			return err
		}
		if *asJSON {
			return printRaw(cmd.OutOrStdout(), data)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s starts anew with its next request; what runs ends its answers first\n", args[0])
		return nil
	}
	return cmd
}

func newEngineRefresh(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "refresh ENGINE",
		Short: "Ask a service for its models again",
		Long: `Ask a remote service for its models now, and list them. The server does so by itself
when a list is an hour old, and when the engine's file changes. "models" in the
engine's file says which of them are listed.`,
		Example: `  enginebay engine refresh groq
  enginebay engine set groq 'models=llama-*,!*-guard-*'`,
		Args:              oneEngine,
		ValidArgsFunction: completeEngine(c),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		data, err := c.client().call(cmd.Context(), http.MethodPost, enginePath(args[0])+"/refresh", nil)
		if err != nil {
			return err
		}
		if *asJSON {
			return printRaw(cmd.OutOrStdout(), data)
		}
		var list modelList
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
		for _, m := range list.Data {
			fmt.Fprintln(cmd.OutOrStdout(), m.ID)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s has %s\n", args[0], counted(len(list.Data), "model", "models"))
		return nil
	}
	return cmd
}
