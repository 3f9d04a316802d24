package database_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
)

func init() { children["writer"] = writer }

// writer writes with eight hands, and says on its standard output what was acknowledged,
// till it is killed.
func writer() error {
	ctx := context.Background()
	db, err := database.Open(ctx, database.Config{URL: os.Getenv("DATABASE_URL"), File: os.Getenv("DATABASE_FILE"), Migrations: shelf})
	if err != nil {
		return err
	}
	ended := make(chan error)
	for hand := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), hand, i)
				err := db.Write(ctx, func(tx *sql.Tx) error { // both or none
					if _, err := tx.ExecContext(ctx, `INSERT INTO shelves VALUES ($1, $2)`, id, i); err != nil {
						return err
					}
					_, err := tx.ExecContext(ctx, `INSERT INTO books (id, shelf, body) VALUES ($1, $1, $2)`, id, strings.Repeat(id, i%500))
					return err
				})
				if err != nil {
					ended <- fmt.Errorf("%s: %w", id, err)
					return
				}
				fmt.Println(id)
			}
		}()
	}
	return <-ended
}

// TestKilled: what was acknowledged to a process that is killed is there, and whole.
func TestKilled(t *testing.T) {
	databasetest.Configs(t, func(t *testing.T, c database.Config) {
		c.Migrations = shelf
		acknowledged, began := map[string]bool{}, time.Now()
		times := kills()
		if c.URL != "" {
			times = max(1, times/10) // the rest is PostgreSQL's
		}
		for range times {
			for _, id := range killed(t, c) {
				acknowledged[id] = true
			}
			if missing := lost(t, c, acknowledged); len(missing) > 0 {
				t.Fatalf("%d of %d are lost, such as %s", len(missing), len(acknowledged), missing[0])
			}
		}
		t.Logf("%d kills in %v, %d acknowledged transactions, none lost", times, time.Since(began).Round(time.Second), len(acknowledged))
	})
}

// killed kills a writer at any moment after its first transaction, and returns what was
// acknowledged to it.
func killed(t *testing.T, c database.Config) (acknowledged []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=writer", "DATABASE_URL="+c.URL, "DATABASE_FILE="+c.File)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if len(acknowledged) == 0 {
			time.AfterFunc(rand.N(60*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
		acknowledged = append(acknowledged, lines.Text())
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || len(acknowledged) == 0 || complaints.Len() > 0 {
		t.Fatalf("the writer ended after %d: %v %s", len(acknowledged), err, complaints.String())
	}
	return acknowledged
}

// lost returns what is not there, and fails where half of a transaction is.
func lost(t *testing.T, c database.Config, acknowledged map[string]bool) (missing []string) {
	t.Helper()
	db, err := database.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	there := map[string]bool{}
	var halves int
	err = db.Read(t.Context(), func(tx *sql.Tx) error {
		if c.URL == "" {
			var fault string
			if err := tx.QueryRow(`PRAGMA quick_check`).Scan(&fault); err != nil || fault != "ok" {
				return fmt.Errorf("the file is damaged: %s %w", fault, err)
			}
		}
		if err := tx.QueryRow(`SELECT COUNT(*) FROM shelves s LEFT JOIN books b ON b.id = s.id WHERE b.id IS NULL`).Scan(&halves); err != nil {
			return err
		}
		rows, err := tx.Query(`SELECT id FROM books`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			there[id] = true
		}
		return rows.Err()
	})
	if err != nil || halves > 0 {
		t.Fatalf("%d halves, %v", halves, err)
	}
	for id := range acknowledged {
		if !there[id] {
			missing = append(missing, id)
		}
	}
	return missing
}
