package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
)

func newEngineSet(c *config) *cobra.Command {
	s := &engineSetting{config: c}
	cmd := &cobra.Command{
		Use:   "set ENGINE [NAME=VALUE…]",
		Short: "Make an engine, or change its file",
		Long: `Change HOME/engines/ID.json, or make it: NAME=VALUE is a setting of the engine's
plugin, and with a dot another part of the file: parameters.temperature=0.2,
limits.concurrency=8, env.NAME=VALUE, prices.PATTERN.input=0.5,
secrets.api_key=env:NAME (or file:PATH, or keyring:SERVICE/NAME; a secret itself is
never written down). description, enabled, devices, isolation and models are those
of the file; settings.NAME is always a setting. Lists are written A,B or as JSON.

Everything else in the file stays as it is, comments too. What comes of it is checked
by the schemas, and started once beside what runs; a fault changes nothing. A running
server follows the file. At a server of another machine (--addr) the same is asked of
it, as far as it lets others.`,
		Example: `  enginebay engine set llamacpp ctx_len=8192 limits.keep_alive=30m
  enginebay engine set llamacpp-cpu --engine llamacpp devices=cpu
  enginebay engine set groq secrets.api_key=env:GROQ_API_KEY
  enginebay engine set vllm --engine api base_url=http://10.0.0.5:8000/v1 limits.requests_per_minute=600
  enginebay engine set vllm --unset limits.requests_per_minute --dry-run
  enginebay engine set azure-east --file azure-east.json`,
		Args:              s.arguments,
		ValidArgsFunction: s.complete,
		Annotations:       withoutServer,
	}
	cmd.Flags().StringVar(&s.plugin, "engine", "", "the plugin (default that of the file, else the one of the engine's name)")
	cmd.Flags().StringArrayVar(&s.unset, "unset", nil, "take NAME out of the file; may be given many times")
	cmd.Flags().StringVar(&s.file, "file", "", "begin with this file's content and not with what there is (- is standard input)")
	cmd.Flags().BoolVar(&s.dryRun, "dry-run", false, "print what the file would be, and change nothing")
	s.asJSON = jsonFlag(cmd)
	_ = cmd.RegisterFlagCompletionFunc("engine", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return s.plugins(cmd), cobra.ShellCompDirectiveNoFileComp
	})
	_ = cmd.MarkFlagFilename("file", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return s.run(cmd, args[0], args[1:]) }
	return cmd
}

// engineSetting is one change of one engine's file.
type engineSetting struct {
	config       *config
	plugin, file string
	unset        []string
	dryRun       bool
	asJSON       *bool
}

func (s *engineSetting) arguments(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("name one engine and what to change, as in: enginebay engine set llamacpp ctx_len=8192")
	case len(args) == 1 && len(s.unset) == 0 && s.file == "" && s.plugin == "":
		return fmt.Errorf("say what to change, as in: enginebay engine set %s ctx_len=8192", args[0])
	}
	return validEngine(args[0])
}

func validEngine(id string) error {
	if !store.ValidID(id) || strings.Contains(id, "/") {
		return fmt.Errorf("%q is no engine name: use letters, digits, '.', '_' and '-', and no '.' in front", id)
	}
	return nil
}

func (s *engineSetting) run(cmd *cobra.Command, id string, args []string) error {
	place, err := s.config.enginePlace(cmd)
	if err != nil {
		return err
	}
	defer place.close()
	before, err := place.read(id)
	if err != nil {
		return err
	}
	text, err := s.begin(cmd, before)
	if err != nil {
		return err
	}
	a, err := newAssignment(place, id, text, s.plugin)
	if err != nil {
		return err
	}
	if text, err = a.apply(args, s.unset); err != nil {
		return err
	}
	warnings, err := place.check(id, text)
	for _, warning := range warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning:", warning)
	}
	if err != nil {
		return fmt.Errorf("%w\nengines/%s.json was not written", err, id)
	}
	return s.finish(cmd, place, id, before, text)
}

// begin is the text that the change begins with.
func (s *engineSetting) begin(cmd *cobra.Command, before []byte) (text []byte, err error) {
	switch s.file {
	case "":
		return before, nil
	case "-":
		text, err = io.ReadAll(cmd.InOrStdin())
	default:
		text, err = os.ReadFile(s.file)
	}
	if err == nil {
		_, err = schemas.Parse(s.file, text)
	}
	return text, err
}

func (s *engineSetting) finish(cmd *cobra.Command, place enginePlace, id string, before, text []byte) error {
	out := cmd.OutOrStdout()
	if s.dryRun {
		_, err := out.Write(text)
		return err
	}
	changed := string(before) != string(text)
	if changed {
		if err := place.write(id, text); err != nil {
			return err
		}
	}
	switch {
	case *s.asJSON:
		doc, err := schemas.Parse("", text)
		if err != nil {
			return err
		}
		return printJSON(out, map[string]any{"id": id, "object": "engine", "written": place.name(id), "changed": changed, "file": store.Redacted(doc.Value)})
	case !changed:
		fmt.Fprintf(out, "nothing was changed: %s says so already\n", place.name(id))
	default:
		fmt.Fprintf(out, "%s is written\n", place.name(id))
		fmt.Fprintf(cmd.ErrOrStderr(), "to try it: enginebay engine test %s\n", id)
	}
	return nil
}
