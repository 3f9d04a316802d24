package database_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
)

// hard is a number of the hard tests, which are short unless it is said how long.
func hard(variable string, short int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return short
}

func kills() int { return hard("ENGINEBAY_TEST_KILLS", 25) }
func writeFor() time.Duration {
	return time.Duration(hard("ENGINEBAY_TEST_WRITE_SECONDS", 3)) * time.Second
}
func awayFor() time.Duration {
	return time.Duration(hard("ENGINEBAY_TEST_AWAY_SECONDS", 2)) * time.Second
}

func logger(w io.Writer) hclog.Logger { return hclog.New(&hclog.LoggerOptions{Output: w}) }

// TestWriters: many write and read at once; none is refused, and no two get in each
// other's way: each adds to a row that all change, and to rows of its own.
func TestWriters(t *testing.T) {
	databasetest.Each(t, shelf, func(t *testing.T, db *database.DB) {
		const writers = 64
		if err := write(t.Context(), db, `INSERT INTO shelves VALUES ('all', 0)`); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), writeFor())
		defer stop()
		var done [writers]int
		var slowest [writers]time.Duration
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for {
					began := time.Now()
					err := add(ctx, db, fmt.Sprintf("%d-%d", w, done[w]), w%8 == 0)
					if ctx.Err() != nil {
						return
					}
					if err != nil {
						t.Errorf("writer %d: %v", w, err)
						return
					}
					done[w]++
					slowest[w] = max(slowest[w], time.Since(began))
				}
			})
		}
		all.Wait()
		sum, low, most := 0, done[0], time.Duration(0)
		for w := range writers {
			sum, low, most = sum+done[w], min(low, done[w]), max(most, slowest[w])
		}
		t.Logf("%d transactions in %v (%.0f a second), at least %d of each writer, none longer than %v", sum, writeFor(), float64(sum)/writeFor().Seconds(), low, most)
		// One of each that was under way may have been written after its caller left.
		if books := count(t, db, "books"); books < sum || books > sum+writers || low == 0 {
			t.Errorf("%d books of %d transactions; the slowest writer made %d", books, sum, low)
		}
		var made, shared int
		err := db.Read(t.Context(), func(tx *sql.Tx) error {
			return tx.QueryRow(`SELECT made, (SELECT COUNT(*) FROM books WHERE pages = 1) FROM shelves WHERE id = 'all'`).Scan(&made, &shared)
		})
		if err != nil || made != shared {
			t.Errorf("the row that all change says %d, and %d changed it: %v", made, shared, err)
		}
	})
}

// add writes a book; shared: it reads a row that others change, and changes it.
func add(ctx context.Context, db *database.DB, id string, shared bool) error {
	return db.Write(ctx, func(tx *sql.Tx) error {
		pages := 0
		if shared {
			pages = 1
			var made int
			if err := tx.QueryRowContext(ctx, `SELECT made FROM shelves WHERE id = 'all'`).Scan(&made); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `UPDATE shelves SET made = $1 WHERE id = 'all'`, made+1); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO books (id, shelf, pages, body) VALUES ($1, 'all', $2, $3)`, id, pages, id)
		return err
	})
}

// BenchmarkWrite is a transaction of one row that is on the disk when it returns.
func BenchmarkWrite(b *testing.B) {
	for name, config := range map[string]func() database.Config{
		"sqlite": func() database.Config { return database.Config{File: filepath.Join(b.TempDir(), "x.db")} },
		"postgres": func() database.Config {
			return database.Config{URL: databasetest.Own(b, "-c", "fsync=on", "-c", "full_page_writes=on").URL}
		},
	} {
		for _, writers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", name, writers), func(b *testing.B) {
				c := config()
				c.Migrations = shelf
				db := databasetest.Open(b, c)
				var id atomic.Int64
				b.SetParallelism((writers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
				body := func() {
					if err := write(b.Context(), db, `INSERT INTO shelves VALUES ($1, 1)`, fmt.Sprint(id.Add(1))); err != nil {
						b.Error(err)
					}
				}
				if writers == 1 {
					for b.Loop() {
						body()
					}
					return
				}
				b.ResetTimer()
				b.RunParallel(func(p *testing.PB) {
					for p.Next() {
						body()
					}
				})
			})
		}
	}
}
