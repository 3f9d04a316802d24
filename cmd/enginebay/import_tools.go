package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// tool is another program whose models can be linked.
type tool struct {
	name string
	all  string // the source that has all of its models
	one  string // what stands before the name of one
}

// tools are those that the server knows.
var tools = []tool{
	{"ollama", "ollama://", "ollama://"},
	{"lmstudio", "lmstudio://", "lmstudio://"},
	{"huggingface", "hfcache://", "hfcache://"},
	{"jan", "jan://local", "jan://local/"},
}

func toolNames() []string {
	var names []string
	for _, t := range tools {
		names = append(names, t.name)
	}
	return names
}

func toolNamed(name string) tool {
	for _, t := range tools {
		if t.name == name {
			return t
		}
	}
	return tool{}
}

// importFrom takes what another tool has.
func (c *config) importFrom(cmd *cobra.Command, f importFlags, names []string) error {
	if f.from == "jan" && len(names) == 0 {
		return c.importJan(cmd, f)
	}
	return c.importModels(cmd, f, names)
}

// errNothing is the end of an import that nobody wanted.
var errNothing = errors.New("nothing was imported")

// importModels makes models of those of another tool.
func (c *config) importModels(cmd *cobra.Command, f importFlags, names []string) error {
	t := toolNamed(f.from)
	if f.list {
		return c.listTool(cmd, t, f)
	}
	if len(names) == 0 {
		var err error
		if names, err = c.choose(cmd, t, f); err != nil || len(names) == 0 {
			return err
		}
	}
	sources := make([]source, len(names))
	for i, name := range names {
		ref := name
		if !strings.Contains(name, "://") {
			ref = t.one + name
		}
		sources[i] = source{ref: ref, mode: f.mode("link"), doing: "importing " + name}
	}
	return newPuller(c, newDisplay(cmd, f.json, f.quiet), pullFlags{id: f.id}).run(cmd.Context(), sources)
}

func (c *config) listTool(cmd *cobra.Command, t tool, f importFlags) error {
	var list struct{ Data []plan }
	if printed, err := c.fetch(cmd, plansPath(t.all, "", ""), f.json, &list); printed || err != nil {
		return err
	}
	printTool(cmd, list.Data)
	fmt.Fprintf(cmd.ErrOrStderr(), "\nto link one:  enginebay import --from %s NAME\nto link all:  enginebay import --from %s\n", t.name, t.name)
	return nil
}

func printTool(cmd *cobra.Command, plans []plan) {
	var rows [][]string
	for _, p := range plans {
		p.Default = false // there is nothing to choose from
		rows = append(rows, []string{firstOf(p.Variant, p.ID), bytesText(p.Size), dash(p.ID), p.note()})
	}
	table(cmd.OutOrStdout(), []string{"NAME", "SIZE", "MODEL", ""}, rows)
}

// choose returns the names of all models of a tool that are not here yet, after a
// question.
func (c *config) choose(cmd *cobra.Command, t tool, f importFlags) ([]string, error) {
	var list struct{ Data []plan }
	if err := c.client().get(cmd.Context(), plansPath(t.all, "", ""), &list); err != nil {
		return nil, err
	}
	var names []string
	var plans []plan
	for _, p := range list.Data {
		if p.Error == "" && (p.State == "" || p.State == "to_download") {
			names, plans = append(names, firstOf(p.Ref, p.Variant, p.ID)), append(plans, p)
		}
	}
	switch {
	case len(names) == 0:
		fmt.Fprintf(cmd.ErrOrStderr(), "all models of %s that can be used are here already\n", t.name)
		return nil, nil
	case f.yes:
		return names, nil
	case !isTerminal(cmd.InOrStdin()):
		return nil, fmt.Errorf("%s; to import them all: add --yes", counted(len(names), "model of "+t.name+" is not here yet", "models of "+t.name+" are not here yet"))
	}
	printTool(cmd, plans)
	if !agreed(cmd, fmt.Sprintf("\n%s %s? [Y/n] ", map[string]string{"link": "Link", "copy": "Copy", "move": "Move"}[f.mode("link")],
		counted(len(names), "model", "models")), true) {
		return nil, errNothing
	}
	return names, nil
}
