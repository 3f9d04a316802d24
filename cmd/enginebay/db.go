package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/sdk"
)

// databaseTimeout is how long a command waits for a database to say how it is.
const databaseTimeout = 10 * time.Second

// lookAtDatabase opens the database to be read, beside a server that may have it open.
func (c *config) lookAtDatabase(ctx context.Context) (*database.DB, error) {
	which, err := c.databaseConfig()
	if err != nil {
		return nil, err
	}
	which.ReadOnly = true
	return database.Open(ctx, which)
}

func newDB(c *config) *cobra.Command {
	cmd := group("db", "Look at the database, back it up and restore it")
	cmd.Long = `Look at the database that conversations are kept in, back it up and restore it:
SQLite in HOME/enginebay.db, or the PostgreSQL that the setting database names. These
commands open it themselves, on the server's machine; no server needs to run.`
	cmd.AddCommand(newDBStatus(c), newDBBackup(c), newDBRestore(c))
	return cmd
}

func newDBStatus(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show where the database is, and whether it can be used",
		Long: `Show where the database is, how large, and whether it can be used. The exit status is
1 when it cannot.`,
		Example: `  enginebay db status
  ENGINEBAY_DATABASE=env:DATABASE_URL enginebay db status --json`,
		Args:              cobra.NoArgs,
		PersistentPreRunE: c.strictly,
	}
	asJSON := jsonFlag(cmd)
	c.addFlags(cmd.Flags(), "database")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := c.databaseStatus(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return errors.Join(printJSON(cmd.OutOrStdout(), s.json()), s.fault())
		}
		rows := [][]string{{"where", s.Where}}
		switch {
		case s.none:
			rows = append(rows, []string{"state", "not made yet; the first server makes it"})
		case s.Err != nil:
			rows = append(rows, []string{"state", "cannot be used: " + s.why()})
		default:
			rows = append(rows, []string{"state", "ok"}, []string{"schema", fmt.Sprint(s.Schema)}, []string{"size", bytesText(float64(s.Size))})
		}
		table(cmd.OutOrStdout(), []string{"database", driverTitle(s.Driver)}, rows)
		return s.fault()
	}
	return cmd
}

// driverTitle is the name of a database as its makers write it.
func driverTitle(driver string) string {
	return map[string]string{"sqlite": "SQLite", "postgres": "PostgreSQL"}[driver]
}

// databaseStatus is how the database is.
type databaseStatus struct {
	database.Status
	none bool // of SQLite no file, of PostgreSQL no tables: a server makes them when it starts
}

func (c *config) databaseStatus(ctx context.Context) (s databaseStatus, err error) {
	db, err := c.lookAtDatabase(ctx)
	if err != nil {
		return s, err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	s.Status = db.Status(ctx)
	if _, err := os.Stat(s.Where); s.Driver == "sqlite" && errors.Is(err, os.ErrNotExist) {
		s.none, s.Err = true, nil
	}
	if errors.Is(s.Err, database.ErrEmpty) {
		s.none, s.Err = true, nil
	}
	return s, nil
}

// why says what is wrong with the database: the cause, where the sentence for clients of
// the server leads here.
func (s databaseStatus) why() string {
	var coded *sdk.Error
	if errors.As(s.Err, &coded) && coded.Cause != nil {
		return coded.Cause.Error()
	}
	return s.Err.Error()
}

// fault ends the program with status 1 where the database cannot be used.
func (s databaseStatus) fault() error {
	if s.Err != nil {
		return quietError{}
	}
	return nil
}

func (s databaseStatus) json() any {
	fault := ""
	if s.Err != nil {
		fault = s.why()
	}
	return struct {
		Driver string `json:"driver"`
		Where  string `json:"where"`
		Made   bool   `json:"made"` // false until the first server of a home has started
		Schema int64  `json:"schema"`
		Size   int64  `json:"size"`
		Error  string `json:"error,omitempty"`
	}{s.Driver, s.Where, !s.none, s.Schema, s.Size, fault}
}

// database says where conversations are kept, and whether they can be.
func (e *examination) database() {
	s, err := e.config.databaseStatus(e.cmd.Context())
	switch {
	case err != nil:
		e.fail("database", "mend database in "+e.config.file()+", or set what it names where the server starts", "%v", err)
	case s.none:
		e.ok("database", "%s at %s, not made yet; the first server makes it", driverTitle(s.Driver), s.Where)
	case s.Err != nil:
		e.fail("database", "see whether it runs and lets this machine in; the server answers all else without it", "%s at %s: %s", driverTitle(s.Driver), s.Where, s.why())
	default:
		e.ok("database", "%s at %s, %s", driverTitle(s.Driver), s.Where, bytesText(float64(s.Size)))
	}
}
