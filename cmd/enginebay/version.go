package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

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
