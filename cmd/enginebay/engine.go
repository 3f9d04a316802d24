package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func newEngine(c *config) *cobra.Command {
	cmd := group("engine", "Work with engines (deployments of engine plugins)")
	cmd.Long = `Work with engines. Each is an engine plugin with the settings of HOME/engines/ID.json,
which models name; one plugin may have many. A plugin without such a file is an
engine of its own name with default settings.`
	cmd.Example = `  enginebay engine list
  enginebay engine set groq secrets.api_key=env:GROQ_API_KEY
  enginebay engine test groq
  enginebay engine set llamacpp-cpu --engine llamacpp devices=cpu limits.max_loaded=1
  enginebay engine show llamacpp-cpu`
	cmd.AddCommand(newEngineList(c), newEngineShow(c), newEngineSet(c), newEngineTest(c), newEngineRestart(c), newEngineRefresh(c), newEngineRm(c))
	return cmd
}

// engine is what the commands use of an engine in the API.
type engine struct {
	ID, Plugin, Version, Description, State, Error string
	Models                                         []string
	Pid, Restarts                                  int
	Pids                                           []int
	Since                                          int64
	Requests, Waiting                              int
	Memory                                         float64
	Limits                                         struct {
		MaxLoaded   int     `json:"max_loaded"`
		Memory      float64 `json:"memory"`
		Concurrency int     `json:"concurrency"`
		Queue       int     `json:"queue"`
		PerMinute   int     `json:"requests_per_minute"`
		KeepAlive   string  `json:"keep_alive"`
	}
	Usage struct {
		Requests, Failures int
		Input              int `json:"input_tokens"`
		Output             int `json:"output_tokens"`
		Cost               float64
	}
	File      map[string]any
	Effective struct {
		Settings, Parameters map[string]origin
		Secrets              map[string]struct {
			Set           bool
			Origin, Error string
		}
		Error string
	}
}

func enginePath(id string) string { return "/v1/engines/" + url.PathEscape(id) }

// oneEngine wants the id of one engine.
func oneEngine(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return fmt.Errorf("name one engine, as in: %s llamacpp", cmd.CommandPath())
}

// completeEngine completes the id of one engine: of the server, where one answers,
// and of this home.
func completeEngine(c *config) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c.engineIDs(cmd), cobra.ShellCompDirectiveNoFileComp
	}
}

func (c *config) engineIDs(cmd *cobra.Command) []string {
	ids := c.names(cmd, "/v1/engines")
	files, _ := os.ReadDir(filepath.Join(c.home, "engines")) // who completes sees no error
	for _, file := range files {
		if id, ok := strings.CutSuffix(file.Name(), ".json"); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func newEngineList(c *config) *cobra.Command {
	list := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the engines",
		Long:    `List the engines that models can name, and what each has to do.`,
		Example: `  enginebay engine list
  enginebay engine list --json | jq -r '.data[] | select(.state == "up").id'`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		var answer struct{ Data []engine }
		if printed, err := c.fetch(cmd, "/v1/engines", *asJSON, &answer); printed || err != nil {
			return err
		}
		if len(answer.Data) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "No engines: no engine plugin is installed.")
			return nil
		}
		var rows [][]string
		for _, e := range answer.Data {
			rows = append(rows, []string{e.ID, e.Plugin, dash(e.Version), e.State, fmt.Sprint(e.Restarts), dash(strings.Join(e.Models, ","))})
		}
		table(cmd.OutOrStdout(), []string{"ENGINE", "PLUGIN", "VERSION", "STATE", "RESTARTS", "MODELS"}, rows)
		for _, e := range answer.Data {
			if e.Error != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: %s\n", e.ID, e.Error)
			}
		}
		return nil
	}
	return list
}
