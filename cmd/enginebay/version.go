package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/sdk"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: `  enginebay version`,
		Args:    cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintf(cmd.OutOrStdout(), "enginebay %s (%s, %s/%s, plugin protocol %d)\n",
				version, runtime.Version(), runtime.GOOS, runtime.GOARCH, sdk.ProtocolVersion)
		},
	}
}
