package conversation_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
)

// bench runs a benchmark on a store in each database, filled once.
func bench(b *testing.B, fill func(b *testing.B, s *conversation.Store, db *database.DB), measured map[string]func(b *testing.B, s *conversation.Store)) {
	for _, driver := range []string{"sqlite", "postgres"} {
		c := database.Config{Migrations: conversation.Migrations}
		if driver == "sqlite" {
			c.File = filepath.Join(b.TempDir(), "bench.db")
		} else {
			c.URL = databasetest.URL(b)
		}
		db := databasetest.Open(b, c)
		s := open(b, db)
		fill(b, s, db)
		for name, f := range measured {
			b.Run(driver+"/"+name, func(b *testing.B) { f(b, s) })
		}
	}
}

// BenchmarkThreads lists 20 among 100,000 threads, of which the owner has 1,000 or all.
// They should take less than 5 ms.
func BenchmarkThreads(b *testing.B) {
	const n = 100_000
	fill := func(b *testing.B, s *conversation.Store, db *database.DB) {
		body := `{"id":"%s","object":"thread","created_at":1700000000,"metadata":{"k":"` + strings.Repeat("v", 200) + `"},"tool_resources":null,"updated_at":0}`
		ok(b, db.Write(b.Context(), func(tx *sql.Tx) error {
			for i := range n {
				id, owner := fmt.Sprintf("thread_%06d", i), anna.ID
				if i%100 == 0 {
					owner = bert.ID
				}
				if _, err := tx.Exec("INSERT INTO threads (id, owner, made, changed, body) VALUES ($1, $2, $3, 0, $4)", id, owner, i, fmt.Sprintf(body, id)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	list := func(o conversation.Owner, p conversation.Page) func(*testing.B, *conversation.Store) {
		return func(b *testing.B, s *conversation.Store) {
			for b.Loop() {
				if l := get(s.Threads(b.Context(), o, p))(b); len(l.Data) != 20 || !l.HasMore {
					b.Fatalf("%d threads", len(l.Data))
				}
			}
		}
	}
	middle := conversation.Page{After: "thread_050000"}
	bench(b, fill, map[string]func(*testing.B, *conversation.Store){
		"first": list(anna, conversation.Page{}), "middle": list(anna, conversation.Page{After: "thread_050001"}),
		"few": list(bert, middle), "all": list(admin, conversation.Page{Ascending: true}), "before": list(admin, conversation.Page{Before: "thread_050000"}),
		"one": func(b *testing.B, s *conversation.Store) {
			for b.Loop() {
				get(s.Thread(b.Context(), anna, "thread_050001"))(b)
			}
		},
	})
}

// BenchmarkMessages reads a thread of 10,000 messages, and adds to it.
func BenchmarkMessages(b *testing.B) {
	th := &conversation.Thread{}
	fill := func(b *testing.B, s *conversation.Store, _ *database.DB) {
		*th = conversation.Thread{}
		var all []*conversation.Message
		for range 10_000 {
			all = append(all, message(strings.Repeat("word ", 100)))
		}
		ok(b, s.CreateThread(b.Context(), anna, th, all...))
	}
	bench(b, fill, map[string]func(*testing.B, *conversation.Store){
		"all": func(b *testing.B, s *conversation.Store) {
			for b.Loop() {
				if all := get(s.AllMessages(b.Context(), anna, th.ID))(b); len(all) < 10_000 {
					b.Fatalf("%d messages", len(all))
				}
			}
		},
		"page": func(b *testing.B, s *conversation.Store) {
			for b.Loop() {
				get(s.Messages(b.Context(), anna, th.ID, "", conversation.Page{}))(b)
			}
		},
		"create": func(b *testing.B, s *conversation.Store) {
			for b.Loop() {
				ok(b, s.CreateMessage(b.Context(), anna, th.ID, message(strings.Repeat("word ", 100))))
			}
		},
	})
}

// BenchmarkFile keeps, reads and deletes a file of 64 MiB.
func BenchmarkFile(b *testing.B) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 4<<20)
	bench(b, func(*testing.B, *conversation.Store, *database.DB) {}, map[string]func(*testing.B, *conversation.Store){
		"round": func(b *testing.B, s *conversation.Store) {
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				f := &conversation.File{}
				ok(b, s.CreateFile(b.Context(), anna, f, bytes.NewReader(content)))
				_, r, err := s.FileContent(b.Context(), anna, f.ID)
				ok(b, err)
				if n := get(io.Copy(io.Discard, r))(b); n != int64(len(content)) {
					b.Fatalf("%d bytes", n)
				}
				ok(b, s.DeleteFile(b.Context(), anna, f.ID))
			}
		},
	})
}
