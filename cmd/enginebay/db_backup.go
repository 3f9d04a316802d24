package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/database"
)

func newDBBackup(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a backup of the database, also while a server uses it",
		Long: `Write all that the database holds into a new file, also while a server uses it. The
file is one of SQLite, of PostgreSQL too: so it is the way from one to the other. It
holds conversations: it is made readable for you alone.`,
		Example: `  enginebay db backup conversations.db
  enginebay db backup /media/stick/$(date +%F).db`,
		Args:              oneFile("a new file, as in: %s conversations.db"),
		PersistentPreRunE: c.strictly,
	}
	c.addFlags(cmd.Flags(), "database")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		db, err := c.lookAtDatabase(cmd.Context())
		if err != nil {
			return err
		}
		defer db.Close()
		if err := db.Backup(cmd.Context(), args[0]); err != nil {
			return err
		}
		size := "-"
		if info, err := os.Stat(args[0]); err == nil {
			size = bytesText(float64(info.Size()))
		}
		fmt.Fprintf(cmd.OutOrStdout(), "the backup is in %s (%s); to go back to it: %s\n", args[0], size, c.inHome("enginebay db restore "+args[0]))
		return nil
	}
	return cmd
}

// oneFile wants one file; says tells which.
func oneFile(says string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return fmt.Errorf("name "+says, cmd.CommandPath())
	}
}

func newDBRestore(c *config) *cobra.Command {
	var replace bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of the database",
		Long: `Put a backup in the place of the database; the server must not run. SQLite's file is
kept as it was beside its place. PostgreSQL takes a backup into empty tables; with
--replace, what is in them is deleted.`,
		Example: `  enginebay serve stop
  enginebay db restore conversations.db
  enginebay db restore --database env:DATABASE_URL conversations.db`,
		Args:              oneFile("a file that enginebay db backup wrote, as in: %s conversations.db"),
		PersistentPreRunE: c.strictly,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault // files
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false, "delete what is in the tables of PostgreSQL")
	c.addFlags(cmd.Flags(), "database")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		which, err := c.databaseConfig()
		if err != nil {
			return err
		}
		if o, runs := serverOf(c.home); runs {
			return fmt.Errorf("the server at http://%s (pid %d) uses the database; stop it first: %s", o.Addr, o.Pid, c.inHome("enginebay serve stop"))
		}
		which.Replace = replace
		if err := database.Restore(cmd.Context(), which, args[0]); err != nil {
			return err
		}
		s, err := c.databaseStatus(cmd.Context())
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s at %s holds what %s does\n", driverTitle(s.Driver), s.Where, args[0])
		return s.fault()
	}
	return cmd
}
