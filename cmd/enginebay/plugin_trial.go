package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

func newPluginTest(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test PROGRAM|FOLDER|PACKAGE",
		Short: "Test a plugin as the server will use it, whatever language it is in",
		Long: `Run the conformance suite on a built plugin: its handshake, what it says of itself, its
settings, each request that it answers, what it refuses and with which code, cancelling,
many requests at once, and what is left of it when it ends or is killed.

Name a program, a folder with a plugin.json (one with sources is built first), or a packed
.tar.zst. What the plugin is, it says itself. An engine of GGUF models is tried with a tiny
one that is built in; others want --model, a folder with weights and, where it needs one, a
model.json. An importer wants --ref, a ref of a model that is there.

"enginebay plugin test --list" names the checks. The names stay the same from version to
version. The exit status is 1 when a check fails.`,
		Example: `  enginebay plugin test ./build/my-engine
  enginebay plugin test ./my-engine --model ~/models/tiny --settings '{"threads": 2}'
  enginebay plugin test ./my-importer --ref my://tiny --missing my://nothing --secret token=env:MY_TOKEN
  enginebay plugin test ./my-engine --run engine/cancel
  enginebay plugin test ./my-engine-1.0.0-linux-amd64.tar.zst --junit report.xml`,
		Annotations:       withoutServer,
		PersistentPreRunE: withoutSettings,
	}
	t := trialOf{config: c}
	t.flags(cmd)
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 && !t.list {
			return fmt.Errorf("name one plugin, as in: %s ./build/my-engine", cmd.CommandPath())
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		only, err := t.only()
		if err != nil {
			return err
		}
		if t.list {
			return t.printChecks(cmd, only)
		}
		return t.run(cmd, args[0], only)
	}
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return cmd
}

// trialOf is a run of "plugin test": its flags.
type trialOf struct {
	*config
	model, ref, missing, bad, words string
	settings, slow                  string
	secrets, env                    []string
	match, junit                    string
	list, free                      bool
	json                            *bool
	timeout                         time.Duration
	rounds                          int
}

func (t *trialOf) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.model, "model", "", "the model's `folder`, for an engine (default a tiny one, for engines of GGUF)")
	f.StringVar(&t.ref, "ref", "", "a `ref` that an importer resolves")
	f.StringVar(&t.missing, "missing", "", "a `ref` that is well formed, of a model that is not there")
	f.StringVar(&t.bad, "bad", "", "a `ref` that the importer cannot read")
	f.StringVar(&t.words, "search", "", "`words` that an importer finds something with")
	f.StringVar(&t.settings, "settings", "", "the plugin's settings: `JSON`, or a file of it")
	f.StringVar(&t.slow, "slow-settings", "", "settings that make a load last a minute or longer: `JSON`, or a file of it")
	f.StringArrayVar(&t.secrets, "secret", nil, "a secret, as `NAME=env:VARIABLE`, NAME=file:PATH or NAME=keyring:SERVICE/NAME")
	f.StringArrayVar(&t.env, "env", nil, "a further variable of the plugin's environment, as `NAME=VALUE`")
	f.StringVar(&t.match, "run", "", "run the checks whose name matches this regular `expression`")
	f.BoolVar(&t.list, "list", false, "list the checks, and run none")
	f.BoolVar(&t.free, "no-sandbox", false, "do not hold the plugin as the server would: to see whether that is why it fails")
	f.DurationVar(&t.timeout, "timeout", 5*time.Minute, "how long one check may take")
	f.IntVar(&t.rounds, "rounds", 100, "how often a model is loaded to find what leaks")
	f.StringVar(&t.junit, "junit", "", "write a report in the form of JUnit to a `file`, for a CI service")
	t.json = jsonFlag(cmd)
	for _, name := range []string{"settings", "slow-settings", "junit"} {
		_ = cmd.MarkFlagFilename(name)
	}
	_ = cmd.MarkFlagDirname("model")
}

// only says which checks are wanted.
func (t *trialOf) only() (func(name string) bool, error) {
	wanted, err := regexp.Compile(t.match)
	if err != nil {
		return nil, fmt.Errorf("--run %q is no regular expression: %w", t.match, err)
	}
	if !slices.ContainsFunc(sdktest.Checks(), func(c sdktest.Check) bool { return wanted.MatchString(c.Name) }) {
		return nil, fmt.Errorf("--run %q matches no check; \"enginebay plugin test --list\" names them", t.match)
	}
	return wanted.MatchString, nil
}

func (t *trialOf) printChecks(cmd *cobra.Command, only func(string) bool) error {
	type line struct {
		Name  string `json:"name"`
		About string `json:"about"`
	}
	var lines []line
	var rows [][]string
	for _, c := range sdktest.Checks() {
		if only(c.Name) {
			lines = append(lines, line{c.Name, c.About})
			rows = append(rows, []string{c.Name, c.About})
		}
	}
	if *t.json {
		return printList(cmd.OutOrStdout(), lines)
	}
	table(cmd.OutOrStdout(), []string{"CHECK", "WHAT IS RIGHT"}, rows)
	return nil
}

// run tests a plugin, and shows what came out.
func (t *trialOf) run(cmd *cobra.Command, plugin string, only func(string) bool) error {
	temp, err := os.MkdirTemp("", "enginebay")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	p, err := t.candidate(cmd.Context(), plugin, temp)
	if err != nil {
		return err
	}
	r := &trialReport{out: cmd.OutOrStdout(), silent: *t.json, plugin: p}
	p.description, p.words, p.err = sdktest.Describe(cmd.Context(), p.subject)
	r.head()
	plan, err := t.plan(cmd.Context(), p, temp)
	if err != nil {
		return err
	}
	plan.Only, plan.Timeout, plan.Done = only, t.timeout, r.add
	begun := time.Now()
	sdktest.Run(cmd.Context(), plan)
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	r.took = time.Since(begun)
	return r.finish(cmd, t)
}

// plan is what is tested of a plugin: what it says that it is.
func (t *trialOf) plan(ctx context.Context, p *candidate, temp string) (sdktest.Plan, error) {
	plan := sdktest.Plan{Subject: p.subject}
	settings, err := settingsOf("--settings", t.settings)
	if err != nil {
		return plan, err
	}
	slow, err := settingsOf("--slow-settings", t.slow)
	if err != nil {
		return plan, err
	}
	secrets, err := secretsOf(t.secrets)
	if err != nil {
		return plan, err
	}
	if slices.Contains(p.kinds(), sdk.KindEngine) {
		model, err := t.modelOf(p, temp)
		if err != nil {
			return plan, err
		}
		plan.Engine = &sdktest.Case{Model: model, Settings: settings, SlowSettings: slow, Secrets: secrets}
	}
	if slices.Contains(p.kinds(), sdk.KindImporter) {
		plan.Importer = &sdktest.ImporterCase{Settings: settings, Secrets: secrets,
			Ref: sdk.Ref(t.ref), Missing: sdk.Ref(t.missing), Bad: sdk.Ref(t.bad), Words: t.words}
	}
	return plan, nil
}
