package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"

	"github.com/spf13/cobra"
)

func newEngineRm(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rm ENGINE",
		Aliases: []string{"remove", "delete"},
		Short:   "Remove an engine's file",
		Long: `Remove HOME/engines/ID.json, or that of the server that --addr names. A plugin of that
name goes on with its default settings. While models are loaded by it, it stays.`,
		Example: `  enginebay engine rm llamacpp-cpu`,
		Args:    oneEngine,

		ValidArgsFunction: completeEngine(c),
		Annotations:       withoutServer,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		answer := []byte(fmt.Sprintf(`{"id":%q,"object":"engine","deleted":true}`, args[0]))
		var err error
		if c.serves() && nobodyAt(c.Addr) {
			err = c.removeEngine(args[0])
		} else {
			answer, err = c.client().call(cmd.Context(), http.MethodDelete, enginePath(args[0]), nil)
		}
		switch {
		case err != nil:
			return err
		case *asJSON:
			return printRaw(cmd.OutOrStdout(), answer)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "engines/%s.json is removed\n", args[0])
		return nil
	}
	return cmd
}

// removeEngine removes the file of an engine of this home, where no server runs.
func (c *config) removeEngine(id string) error {
	if err := validEngine(id); err != nil {
		return err
	}
	err := os.Remove(c.engineFile(id))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %s; an engine without one is there because its plugin is installed", c.engineFile(id))
	}
	return err
}

// serves says whether the files of this home are those of the server that the
// commands talk to, or that they would start.
func (c *config) serves() bool {
	o, runs := serverOf(c.home)
	if !runs {
		return isLoopback(c.Addr) && nobodyAt(c.Addr)
	}
	_, port, _ := net.SplitHostPort(c.Addr)
	_, its, _ := net.SplitHostPort(o.Addr)
	return o.Addr == c.Addr || port == its && isLoopback(c.Addr) || nobodyAt(c.Addr)
}
