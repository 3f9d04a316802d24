package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

func newStart(c *config) *cobra.Command {
	var set []string
	var keepAlive string
	cmd := &cobra.Command{
		Use:   "start MODEL",
		Short: "Load a model",
		Long: `Load a model and return when it answers. A request that names a model loads it
too; start is for loading it before, or with other settings.

Of a routed model the first target that comes up is loaded, and all of them where
requests are spread.`,
		Example: `  enginebay start tiny-guide
  enginebay start tiny-guide --set ctx_len=1024 --set n_parallel=4
  enginebay start tiny-guide --keep-alive forever`,
		Args:              oneModel,
		ValidArgsFunction: completeModels(c),
	}
	asJSON := jsonFlag(cmd)
	cmd.Flags().StringArrayVar(&set, "set", nil, "a setting over those of the model file: NAME=VALUE")
	cmd.Flags().StringVar(&keepAlive, "keep-alive", "", "how long it stays after its last request: 10m, forever (default as its file and the server say)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		settings, err := parseSettings(set)
		if err != nil {
			return err
		}
		if keepAlive != "" {
			settings["keep_alive"] = keepAlive
		}
		return change(cmd, c, args[0], "start", settings, *asJSON)
	}
	return cmd
}

func newStop(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stop MODEL",
		Short: "Unload a model",
		Long: `Unload a model and return when its memory is free. Answers that are under way break
off. Of a routed model all targets are unloaded. The server itself is ended by
"enginebay serve stop".`,
		Example:           `  enginebay stop tiny-guide`,
		Args:              oneModel,
		ValidArgsFunction: completeModels(c),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return change(cmd, c, args[0], "stop", nil, *asJSON)
	}
	return cmd
}

func change(cmd *cobra.Command, c *config, id, verb string, settings map[string]any, asJSON bool) error {
	var body any
	if len(settings) > 0 {
		body = settings
	}
	stop := c.client().showLoad(cmd.Context(), id)
	data, err := c.client().call(cmd.Context(), http.MethodPut, modelPath(id)+"/"+verb, body)
	stop()
	if err != nil {
		return err
	}
	if asJSON {
		return printRaw(cmd.OutOrStdout(), data)
	}
	var m model
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s is %s\n", m.ID, m.State)
	for _, warning := range m.Warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning:", warning)
	}
	return nil
}

// parseSettings reads NAME=VALUE; a value that is JSON is that, any other a text.
func parseSettings(set []string) (map[string]any, error) {
	settings := map[string]any{}
	for _, s := range set {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--set %s: write it as NAME=VALUE, as in --set ctx_len=1024", s)
		}
		var v any = value
		if json.Valid([]byte(value)) {
			v = json.RawMessage(value)
		}
		settings[name] = v
	}
	return settings, nil
}
