package main

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/store"
)

func newEngineShow(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ENGINE",
		Short: "Show one engine: what it does, its limits, usage and settings",
		Long: `Show one engine: its plugin and process, the models that it has loaded, what it may
use and uses now, what it has answered since the server started, and the settings
that its models start from, with where each comes from: the plugin's default or the
engine's file. Of a secret it says whether it is there; the secret itself is never
shown.`,
		Example: `  enginebay engine show llamacpp
  enginebay engine show groq --json | jq .usage`,
		Args:              oneEngine,
		ValidArgsFunction: completeEngine(c),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var e engine
		printed, err := c.fetch(cmd, enginePath(args[0])+"?effective=true", *asJSON, &e)
		if printed || err != nil {
			return err
		}
		var list modelList
		if err := c.client().get(cmd.Context(), "/v1/models?state=running", &list); err != nil {
			return err
		}
		printEngine(cmd.OutOrStdout(), c.withFile(e), list.Data)
		return nil
	}
	return cmd
}

// withFile is e with what the server hides and the person at this machine may read
// in the engine's file: addresses, programs, and which variable a secret is in.
func (c *config) withFile(e engine) engine {
	if !c.serves() || e.File == nil {
		return e
	}
	doc, err := store.ReadFile(c.engineFile(e.ID), "engines/"+e.ID+".json")
	if err != nil {
		return e
	}
	e.File = store.Redacted(doc.Value)
	e.File["secrets"] = doc.Value["secrets"] // references, and no secrets
	written, _ := e.File["settings"].(map[string]any)
	for name, value := range e.Effective.Settings {
		if shown, ok := written[name]; ok && value.Value == store.Hidden {
			e.Effective.Settings[name] = origin{shown, value.Origin}
		}
	}
	return e
}

// engineFile is the file of an engine of this home.
func (c *config) engineFile(id string) string { return filepath.Join(c.home, "engines", id+".json") }

func printEngine(w io.Writer, e engine, running []model) {
	var rows [][]string
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	add("description", e.Description)
	add("plugin", strings.TrimSpace(e.Plugin+" "+e.Version))
	state := e.State
	if e.Pid > 0 {
		state += fmt.Sprintf(" (pid %d, for %s)", e.Pid, ago(e.Since))
	}
	add("state", state)
	if e.Restarts > 0 {
		add("restarts", fmt.Sprint(e.Restarts))
	}
	add("error", e.Error)
	if e.Effective.Error != e.Error {
		add("settings", e.Effective.Error)
	}
	if e.Pid == 0 && len(e.Pids) > 0 {
		add("ending", strings.Trim(fmt.Sprint(e.Pids), "[]")+", when their answers are over")
	}
	for _, name := range []string{"devices", "isolation", "models", "sandbox"} {
		if value, there := e.File[name]; there {
			add(name, strings.Trim(plainJSON(value), `"`))
		}
	}
	table(w, []string{"id", e.ID}, rows)
	e.printModels(w, running)
	e.printLimits(w)
	e.printUsage(w)
	e.printPrices(w)
	engineValues(w, "SETTING", e.Effective.Settings)
	engineValues(w, "PARAMETER", e.Effective.Parameters)
	e.printSecrets(w)
}

func (e engine) printModels(w io.Writer, running []model) {
	var rows [][]string
	for _, m := range running {
		if m.Running != nil && m.Running.Engine == e.ID {
			rows = append(rows, []string{m.ID, ago(m.Running.Since), fmt.Sprint(m.Running.Requests), fmt.Sprint(m.Running.Waiting), bytesText(m.Running.Memory)})
		}
	}
	if len(rows) > 0 {
		fmt.Fprintln(w)
		table(w, []string{"LOADED", "FOR", "REQUESTS", "WAITING", "MEMORY"}, rows)
	}
}

// printLimits prints what the engine's file allows, and what is used now.
func (e engine) printLimits(w io.Writer) {
	var rows [][]string
	add := func(name, most, now string, limited bool) {
		if limited {
			rows = append(rows, []string{name, now, most})
		}
	}
	l := e.Limits
	add("models", fmt.Sprint(l.MaxLoaded), fmt.Sprint(len(e.Models)), l.MaxLoaded > 0)
	add("memory", bytesText(l.Memory), bytesText(e.Memory), l.Memory > 0)
	add("requests at once", fmt.Sprint(l.Concurrency), fmt.Sprint(e.Requests), l.Concurrency > 0)
	add("requests that wait", fmt.Sprint(l.Queue), fmt.Sprint(e.Waiting), l.Queue > 0)
	add("requests a minute", fmt.Sprint(l.PerMinute), "-", l.PerMinute > 0)
	add("keep alive", l.KeepAlive, "-", l.KeepAlive != "")
	if len(rows) > 0 {
		fmt.Fprintln(w)
		table(w, []string{"LIMIT", "NOW", "AT MOST"}, rows)
	}
}

func (e engine) printUsage(w io.Writer) {
	u := e.Usage
	if u.Requests == 0 {
		return
	}
	cost := "-"
	if u.Cost > 0 {
		cost = fmt.Sprintf("%.4f", u.Cost)
	}
	fmt.Fprintln(w)
	table(w, []string{"REQUESTS", "FAILED", "TOKENS IN", "TOKENS OUT", "COST"},
		[][]string{{fmt.Sprint(u.Requests), fmt.Sprint(u.Failures), fmt.Sprint(u.Input), fmt.Sprint(u.Output), cost}})
}

// printPrices prints what a million tokens cost, by patterns of models.
func (e engine) printPrices(w io.Writer) {
	prices, _ := e.File["prices"].(map[string]any)
	var rows [][]string
	for _, pattern := range slices.Sorted(maps.Keys(prices)) {
		price, _ := prices[pattern].(map[string]any)
		rows = append(rows, []string{pattern, money(price["input"]), money(price["output"])})
	}
	if len(rows) > 0 {
		fmt.Fprintln(w)
		table(w, []string{"PRICE OF A MILLION TOKENS", "IN", "OUT"}, rows)
	}
}

// money is a price; one that the file does not name is none.
func money(price any) string {
	if price == nil {
		return "0"
	}
	return plainJSON(price)
}

// engineValues prints values, and whether the engine's file has them.
func engineValues(w io.Writer, heading string, values map[string]origin) {
	shown := maps.Clone(values)
	for name, value := range shown {
		if value.Origin == "engine" {
			shown[name] = origin{value.Value, "file"}
		}
	}
	layered(w, heading, shown)
}

func (e engine) printSecrets(w io.Writer) {
	refs, _ := e.File["secrets"].(map[string]any)
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(e.Effective.Secrets)) {
		state, from := e.Effective.Secrets[name], "default"
		if state.Origin == "engine" {
			from = "file"
		}
		told := "(set)"
		if !state.Set {
			told = "(not set: " + state.Error + ")"
		} else if ref, _ := refs[name].(string); ref != "" && ref != store.Hidden {
			told += " " + ref
		}
		rows = append(rows, []string{name, told, from})
	}
	if len(rows) > 0 {
		fmt.Fprintln(w)
		table(w, []string{"SECRET", "VALUE", "FROM"}, rows)
	}
}
