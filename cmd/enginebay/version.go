package main

import (
	"fmt"
	"regexp"
	"runtime"

	"github.com/spf13/cobra"
	"golang.org/x/mod/semver"

	"github.com/enginebay/enginebay/sdk"
)

func newVersion() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Example: `  enginebay version
  enginebay version --json`,
		Args:              cobra.NoArgs,
		PersistentPreRunE: withoutSettings,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), map[string]any{"version": version, "go": runtime.Version(),
				"os": runtime.GOOS, "arch": runtime.GOARCH, "protocol": sdk.ProtocolVersion})
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "enginebay %s (%s, %s/%s, plugin protocol %d)\n",
			version, runtime.Version(), runtime.GOOS, runtime.GOARCH, sdk.ProtocolVersion)
		return err
	}
	return cmd
}

// between is what "git describe" says of a state between two releases.
var between = regexp.MustCompile(`-\d+-g[0-9a-f]+$|-dirty$`)

// released says whether a version is one that others can get.
func released(version string) bool {
	return semver.Canonical(version) == version && version != "" && !between.MatchString(version)
}
