package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/enginebay/enginebay/schemas"
)

// addFlags makes flags of settings. The help has the first sentence about each.
func (c *config) addFlags(flags *pflag.FlagSet, keys ...string) {
	for _, key := range keys {
		f := &settingFlag{config: c, key: key, standard: schemas.Config().Defaults()[key]}
		about, _, _ := strings.Cut(strings.TrimSuffix(schemas.Config().Description(key), "."), ". ")
		flags.Var(f, flagName(key), fmt.Sprintf("%s ($%s)", about, settingVariable(key)))
	}
}

// flagName is the name of a setting as a flag: that of a list names one of it.
func flagName(key string) string {
	name := strings.ReplaceAll(key, "_", "-")
	if _, list := schemas.Config().Defaults()[key].([]any); list {
		name = strings.TrimSuffix(name, "s")
	}
	return name
}

// settingFlag is a setting on the command line.
type settingFlag struct {
	config   *config
	key      string
	standard any
}

// Set takes the value. That of a list may be given many times.
func (f *settingFlag) Set(text string) error {
	v, err := fromText(f.key, text)
	if err != nil {
		return err
	}
	if f.config.flags == nil {
		f.config.flags = map[string]any{}
	}
	if list, ok := v.([]any); ok {
		before, _ := f.config.flags[f.key].([]any)
		v = append(before, list...)
	}
	f.config.flags[f.key] = v
	return nil
}

// String is the default, which the help shows.
func (f *settingFlag) String() string {
	switch v := f.standard.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// Type stands for the value in the help.
func (f *settingFlag) Type() string {
	switch f.standard.(type) {
	case []any:
		return "A,B"
	case map[string]any:
		return "A=B"
	case json.Number:
		return "int"
	}
	return "string"
}

// flagError is an error about a flag, without the value of one that holds a secret (it
// goes to logs) and without the names of Go's functions.
func flagError(_ *cobra.Command, err error) error {
	var wrong *pflag.InvalidValueError
	if errors.As(err, &wrong) {
		if f, ok := wrong.GetFlag().Value.(*settingFlag); ok && schemas.Config().Secret(f.key) {
			return fmt.Errorf("invalid argument for %q flag: %w", "--"+wrong.GetFlag().Name, wrong.Unwrap())
		}
		if number := (*strconv.NumError)(nil); errors.As(err, &number) && number.Func == "ParseInt" {
			return fmt.Errorf("--%s %s: write a whole number", wrong.GetFlag().Name, wrong.GetValue())
		}
	}
	return err
}

// fromText reads the value of a setting from a flag or the environment: a list is
// written A,B and a map A=B,C=D, with CSV's quotes where need be.
func fromText(key, text string) (any, error) {
	var v any = text
	switch standard := schemas.Config().Defaults()[key].(type) {
	case []any, map[string]any:
		fields, err := csv.NewReader(strings.NewReader(text)).Read()
		if err != nil && text != "" {
			return nil, fmt.Errorf("expected values with commas between them, got %q", text)
		}
		if _, isMap := standard.(map[string]any); isMap {
			v = mapOf(fields)
		} else {
			v = listOf(fields)
		}
	}
	given := schemas.Config().Coerce(map[string]any{key: v})
	if problems := schemas.Config().Validate(given); len(problems) > 0 {
		return nil, fmt.Errorf("expected %s, got %s", problems[0].Expected, problems[0].Got)
	}
	return given[key], nil
}

func listOf(fields []string) []any {
	all := make([]any, len(fields))
	for i, field := range fields {
		all[i] = field
	}
	return all
}

func mapOf(fields []string) map[string]any {
	all := map[string]any{}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		all[name] = value
	}
	return all
}
