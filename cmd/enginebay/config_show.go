package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/enginebay/enginebay/schemas"
)

func newConfig(c *config) *cobra.Command {
	cmd := group("config", "Show the settings, and where they come from")
	cmd.Long = `The settings come from, in rising order: their defaults, HOME/enginebay.yaml,
the environment and the flags of "enginebay serve". max_body, say, is max_body in
the file, ENGINEBAY_MAX_BODY in the environment, and --max-body as a flag. Lists
are written A,B in the environment and as a flag, and maps A=B,C=D.

A server that runs follows the file, and reads it again on SIGHUP too; what it
cannot change while it runs it names in its log. A file with a fault changes
nothing. "enginebay validate FILE" checks one.`
	show := &cobra.Command{
		Use:   "show",
		Short: "Show each setting, and where it comes from",
		Long: `Show each setting, its value, and where it comes from: "default", a line of
HOME/enginebay.yaml, a variable of the environment, or a flag. It takes the flags
of "enginebay serve", to show what they would do.`,
		Example: `  enginebay config show
  ENGINEBAY_LOG_LEVEL=debug enginebay config show --keep-alive 1h
  enginebay config show --json | jq -r .memory_budget.value`,
		Args:              cobra.NoArgs,
		PersistentPreRunE: c.strictly,
	}
	asJSON := jsonFlag(show)
	c.addFlags(show.Flags(), serverKeys()...)
	show.RunE = func(cmd *cobra.Command, _ []string) error {
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), c.values.redacted())
		}
		return printSettings(cmd.OutOrStdout(), c.values.redacted())
	}
	example := &cobra.Command{
		Use:   "example",
		Short: "Print an enginebay.yaml with every setting, to be changed",
		Long: `Print an enginebay.yaml that says of every setting what it means and what its
default is. All of them are commented out: it changes nothing as it is.`,
		Example:           `  enginebay config example > ~/.enginebay/enginebay.yaml`,
		Args:              cobra.NoArgs,
		PersistentPreRunE: withoutSettings,
		RunE:              func(cmd *cobra.Command, _ []string) error { return printExample(cmd.OutOrStdout()) },
	}
	cmd.AddCommand(show, example)
	return cmd
}

// withoutSettings is for commands that work where enginebay.yaml has a fault.
func withoutSettings(*cobra.Command, []string) error { return nil }

// serverKeys are the settings that are flags of serve; addr is one of every command.
func serverKeys() []string {
	return slices.DeleteFunc(settingKeys(), func(key string) bool { return key == "addr" })
}

// redacted are the values as they may be shown: addresses without their passwords.
func (v values) redacted() values {
	all := maps.Clone(v)
	for key, value := range v {
		if text, ok := value.Value.(string); ok && schemas.Config().Secret(key) {
			value.Value = redacted(text)
			all[key] = value
		}
	}
	return all
}

func printSettings(w io.Writer, all values) error {
	var rows [][]string
	for _, key := range settingKeys() {
		text, err := asYAML(all[key].Value)
		if err != nil {
			return err
		}
		rows = append(rows, []string{key, text, all[key].From})
	}
	table(w, []string{"SETTING", "VALUE", "FROM"}, rows)
	return nil
}

// asYAML is a value as a line of enginebay.yaml has it.
func asYAML(v any) (string, error) {
	if n, ok := v.(json.Number); ok {
		return n.String(), nil
	}
	var node yaml.Node
	if err := node.Encode(v); err != nil {
		return "", err
	}
	node.Style |= yaml.FlowStyle
	text, err := yaml.Marshal(&node)
	return strings.TrimSpace(string(text)), err
}

func printExample(w io.Writer) error {
	fmt.Fprint(w, `# yaml-language-server: $schema=https://github.com/enginebay/enginebay/raw/main/schemas/config.schema.json
#
# The settings of Engine Bay: HOME/enginebay.yaml, where HOME is ~/.enginebay or
# what --home or ENGINEBAY_HOME says. Every one has a default, which is what stands
# here. The server follows this file while it runs.
`)
	standard := schemas.Config().Defaults()
	for _, key := range settingKeys() {
		text, err := asYAML(standard[key])
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\n%s#%s: %s\n", commented(schemas.Config().Description(key)), key, text)
	}
	return nil
}

// commented breaks a text into lines of a comment.
func commented(text string) string {
	var b strings.Builder
	line := "#"
	for _, word := range strings.Fields(text) {
		if len(line)+len(word) >= 80 {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}
