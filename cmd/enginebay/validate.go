package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

func newValidate(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate FILE…",
		Short: "Check model files, deployments, plugin manifests and settings",
		Long: `Check files against their schemas, without a server. A file in a folder "engines"
or "importers" is a deployment, whose plugin is asked for its settings where it is
installed, plugin.json a plugin's manifest, enginebay.yaml the settings, every other
one a model file of any shape that there has been. Comments,
trailing commas and missing outer braces of JSON are read with a warning.

The exit status is 1 when a file has errors; warnings alone are no error.`,
		Example: `  enginebay validate models/*/model.json
  enginebay validate --json engines/llamacpp.json | jq '.data[].errors'`,
		Args:              cobra.MinimumNArgs(1),
		PersistentPreRunE: withoutSettings,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"json", "yml", "yaml"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ch := &checker{config: c, ctx: cmd.Context()}
		defer ch.close()
		findings := make([]finding, len(args))
		bad := false
		for i, file := range args {
			findings[i] = ch.check(file)
			bad = bad || !findings[i].Valid
		}
		if err := report(cmd.OutOrStdout(), findings, *asJSON); err != nil {
			return err
		}
		if bad {
			return quietError{}
		}
		return nil
	}
	return cmd
}

// finding is what is said of one file.
type finding struct {
	File     string    `json:"file"`
	Kind     string    `json:"kind"`
	Valid    bool      `json:"valid"`
	Errors   []problem `json:"errors"`
	Warnings []problem `json:"warnings"`
}

type problem struct {
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
	Pointer    string `json:"pointer"`
	Expected   string `json:"expected,omitempty"`
	Got        string `json:"got,omitempty"`
	Suggestion string `json:"suggestion,omitempty"`
	Message    string `json:"message"`
}

// checker reads files as the server would.
type checker struct {
	config *config
	ctx    context.Context // of the one command that it serves
	host   *pluginhost.Host
	done   func()
}

func (c *checker) close() {
	if c.done != nil {
		c.done()
	}
}

func (c *checker) check(file string) finding {
	f := finding{File: file, Kind: "model"}
	if filepath.Base(file) == configFile {
		err := values{}.file(file)
		return finding{file, "config", err == nil, problems(err), []problem{}}
	}
	doc, err := store.ReadFile(file, file)
	var warnings schemas.Problems
	kind, isDeployment := deploymentKinds[filepath.Base(filepath.Dir(absolute(file)))]
	switch {
	case filepath.Base(file) == pluginhost.ManifestFile:
		f.Kind = "plugin"
		warnings, err = against(doc, schemas.Plugin(), err)
	case isDeployment:
		f.Kind = "deployment"
		if err == nil {
			warnings, err = c.deployment(doc, kind)
		}
	case err == nil:
		_, warnings, err = store.ReadManifest(doc)
	}
	f.Errors, f.Warnings, f.Valid = problems(err), problems(warnings.Err()), err == nil
	return f
}

// deploymentKinds are the folders of deployments' files.
var deploymentKinds = map[string]sdk.Kind{"engines": sdk.KindEngine, "importers": sdk.KindImporter}

// deployment checks a deployment's file, with the plugin's own schema where that can
// be asked. No plugin being installed is said of no file: it is not the file's fault.
func (c *checker) deployment(doc *schemas.Document, kind sdk.Kind) (schemas.Problems, error) {
	if c.host == nil && usable(c.config.load()) {
		c.host, c.done, _ = c.config.pluginHost()
	}
	if c.host == nil || len(c.host.Plugins()) == 0 {
		return against(doc, schemas.Deployment(), nil)
	}
	id := strings.TrimSuffix(filepath.Base(doc.Name), ".json")
	wrong, warnings := core.CheckDeployment(c.ctx, c.host, kind, id, doc)
	return warnings, wrong.Err()
}

func against(doc *schemas.Document, schema *schemas.Schema, err error) (schemas.Problems, error) {
	if err != nil {
		return nil, err
	}
	return append(doc.Warnings, doc.Hints(schema)...), doc.Validate(schema).Err()
}

func absolute(file string) string {
	if abs, err := filepath.Abs(file); err == nil {
		return abs
	}
	return file
}

func problems(err error) []problem {
	list := []problem{}
	var many schemas.Problems
	switch {
	case err == nil:
	case errors.As(err, &many):
		for _, p := range many {
			list = append(list, problem{p.Line, p.Column, p.Pointer, p.Expected, p.Got, p.Suggestion, p.Error()})
		}
	default:
		list = append(list, problem{Message: err.Error()})
	}
	return list
}

func report(w io.Writer, findings []finding, asJSON bool) error {
	if asJSON {
		return printList(w, findings)
	}
	for _, f := range findings {
		for _, p := range f.Errors {
			fmt.Fprintln(w, "error:  ", p.Message)
		}
		for _, p := range f.Warnings {
			fmt.Fprintln(w, "warning:", p.Message)
		}
		if f.Valid {
			fmt.Fprintf(w, "ok:       %s: a valid %s file\n", f.File, f.Kind)
		}
	}
	return nil
}
