package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// complete completes the id, then names of settings as the plugin has them and of
// the other parts of the file.
func (s *engineSetting) complete(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return s.config.engineIDs(cmd), cobra.ShellCompDirectiveNoFileComp
	}
	if strings.Contains(typed, "=") || !usable(s.config.load()) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	cmd.SetContext(ctx)
	return s.names(cmd, args[0]), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// names are those that may stand before the =, with what they mean.
func (s *engineSetting) names(cmd *cobra.Command, id string) []string {
	var names []string
	add := func(name, about string) {
		about, _, _ = strings.Cut(about, ". ")
		names = append(names, name+"=\t"+about)
	}
	if schema := s.schema(cmd, id); schema != nil {
		for _, name := range schema.Properties() {
			add(name, schema.Description(name))
		}
	}
	for _, key := range fileKeys {
		add(key, schemas.Deployment().Description(key))
	}
	for _, part := range []string{"limits", "parameters"} {
		for _, name := range schemas.Deployment().Names(schemas.Pointer(part)) {
			add(part+"."+name, schemas.Deployment().Description(part))
		}
	}
	return append(names, "secrets.api_key=\tWhere the key is: env:NAME, file:PATH, keyring:SERVICE/NAME")
}

// schema is that of the engine's plugin; nil where it cannot be had in time.
func (s *engineSetting) schema(cmd *cobra.Command, id string) *schemas.Schema {
	place, err := s.config.enginePlace(cmd)
	if err != nil {
		return nil
	}
	defer place.close()
	text, err := place.read(id)
	if err != nil {
		return nil
	}
	a, err := newAssignment(place, id, text, s.plugin)
	if err != nil {
		return nil
	}
	return a.schema
}

// plugins are the names of the engine plugins.
func (s *engineSetting) plugins(cmd *cobra.Command) (names []string) {
	for _, p := range listed[struct {
		Name  string
		Kinds []sdk.Kind
	}](s.config, cmd, "/v1/plugins") {
		if slices.Contains(p.Kinds, sdk.KindEngine) {
			names = append(names, p.Name)
		}
	}
	if len(names) > 0 || !usable(s.config.load()) {
		return names
	}
	host, done, err := s.config.pluginHost()
	if err != nil {
		return nil
	}
	defer done()
	for _, p := range host.Plugins() {
		if p.Is(sdk.KindEngine) {
			names = append(names, p.Name)
		}
	}
	return names
}
