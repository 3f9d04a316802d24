package conversation_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
)

const chunk = 512 << 10

// count is how many rows a table has.
func count(t *testing.T, db *database.DB, table string) (n int) {
	t.Helper()
	ok(t, db.Read(t.Context(), func(tx *sql.Tx) error {
		return tx.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n)
	}))
	return n
}

func TestFileSizes(t *testing.T) {
	databasetest.Each(t, conversation.Migrations, func(t *testing.T, db *database.DB) {
		s := open(t, db)
		for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 17*chunk + 7} {
			content := bytes.Repeat([]byte("0123456789abcdef\x00\xff"), size/18+1)[:size]
			f := &conversation.File{Filename: "a", Purpose: "assistants"}
			ok(t, s.CreateFile(t.Context(), anna, f, iotest.HalfReader(bytes.NewReader(content))))
			is, r, err := s.FileContent(t.Context(), anna, f.ID)
			ok(t, err)
			read := get(io.ReadAll(iotest.HalfReader(r)))(t)
			if !bytes.Equal(read, content) || is.Bytes != int64(size) || is.Status != "processed" {
				t.Errorf("a file of %d bytes has %d, and says %d, status %s", size, len(read), is.Bytes, is.Status)
			}
			ok(t, s.DeleteFile(t.Context(), anna, f.ID))
			if n := count(t, db, "chunks") + count(t, db, "files"); n != 0 {
				t.Errorf("%d rows of a file of %d bytes are left", n, size)
			}
		}
	})
}

// watched is a content that looks while it is read.
type watched struct {
	io.Reader
	look func()
}

func (w watched) Read(p []byte) (int, error) {
	w.look()
	return w.Reader.Read(p)
}

func TestUploadIsSeenWhenItIsWhole(t *testing.T) {
	databasetest.Each(t, conversation.Migrations, func(t *testing.T, db *database.DB) {
		s := open(t, db)
		f := &conversation.File{Purpose: "assistants"}
		looks := 0
		look := func() {
			looks++
			_, err := s.File(t.Context(), anna, f.ID)
			isMissing(t, err, "file")
			isMissing(t, s.DeleteFile(t.Context(), anna, f.ID), "file")
			for _, purpose := range []string{"", "assistants"} {
				if l := get(s.Files(t.Context(), admin, purpose, conversation.Page{}))(t); len(l.Data) != 0 {
					t.Error("an upload is listed")
				}
			}
			if n := get(s.Sweep(t.Context()))(t); n != 0 {
				t.Errorf("%d uploads that go on were swept", n)
			}
		}
		ok(t, s.CreateFile(t.Context(), anna, f, watched{bytes.NewReader(make([]byte, 3*chunk)), look}))
		if looks < 3 {
			t.Error("nobody looked")
		}
		get(s.File(t.Context(), anna, f.ID))(t)
	})
}

func TestUploadBreaksOff(t *testing.T) {
	broken := errors.New("the client has left")
	for _, c := range []struct {
		name string
		end  func(cancel func()) io.Reader
		want error
	}{
		{"content", func(func()) io.Reader { return iotest.ErrReader(broken) }, broken},
		{"context", func(cancel func()) io.Reader { return watched{bytes.NewReader(make([]byte, 10)), cancel} }, context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			databasetest.Each(t, conversation.Migrations, func(t *testing.T, db *database.DB) {
				s := open(t, db)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				err := s.CreateFile(ctx, anna, &conversation.File{}, io.MultiReader(bytes.NewReader(make([]byte, 2*chunk)), c.end(cancel)))
				if !errors.Is(err, c.want) {
					t.Errorf("error %v; want %v", err, c.want)
				}
				if n := count(t, db, "chunks") + count(t, db, "files"); n != 0 {
					t.Errorf("%d rows are left", n)
				}
			})
		})
	}
}

// TestLeftovers: what a killed server left of an upload goes when the next one starts.
// On PostgreSQL, where another server may be at it, it goes when an hour has passed.
func TestLeftovers(t *testing.T) {
	databasetest.Each(t, conversation.Migrations, func(t *testing.T, db *database.DB) {
		for i, c := range []struct {
			kept   int64
			sqlite bool // whether SQLite's goes
			pg     bool
		}{{time.Now().Unix() + 3000, true, false}, {time.Now().Unix() - 10, true, true}} {
			id := fmt.Sprint("file-", i)
			ok(t, db.Write(t.Context(), func(tx *sql.Tx) error {
				_, err := tx.Exec("INSERT INTO files (id, owner, made, purpose, ready, kept, body) VALUES ($1, 'key_anna', 1, '', 0, $2, '')", id, c.kept)
				if err == nil {
					_, err = tx.Exec("INSERT INTO chunks (file, seq, data) VALUES ($1, 0, $2)", id, []byte("x"))
				}
				return err
			}))
			open(t, db)
			want := c.pg
			if db.Status(t.Context()).Driver == "sqlite" {
				want = c.sqlite
			}
			gone := count(t, db, "chunks WHERE file = '"+id+"'") == 0 && count(t, db, "files WHERE id = '"+id+"'") == 0
			if gone != want {
				t.Errorf("an upload kept until %d is gone: %t, want %t", c.kept, gone, want)
			}
		}
	})
}

func TestFilesExpire(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		past, future := time.Now().Unix()-1, time.Now().Unix()+600
		old, young, forever := &conversation.File{ExpiresAt: &past}, &conversation.File{ExpiresAt: &future}, &conversation.File{}
		for _, f := range []*conversation.File{old, young, forever} {
			ok(t, s.CreateFile(t.Context(), anna, f, bytes.NewReader([]byte("x"))))
		}
		if n := get(s.Sweep(t.Context()))(t); n != 1 {
			t.Errorf("%d files were swept", n)
		}
		_, err := s.File(t.Context(), anna, old.ID)
		isMissing(t, err, "file")
		get(s.File(t.Context(), anna, young.ID))(t)
		get(s.File(t.Context(), anna, forever.ID))(t)
	})
}

func TestFileIsDeletedWhileItIsRead(t *testing.T) {
	each(t, func(t *testing.T, s *conversation.Store) {
		f := &conversation.File{}
		ok(t, s.CreateFile(t.Context(), anna, f, bytes.NewReader(make([]byte, 2*chunk))))
		_, r, err := s.FileContent(t.Context(), anna, f.ID)
		ok(t, err)
		get(io.ReadFull(r, make([]byte, chunk)))(t)
		ok(t, s.DeleteFile(t.Context(), anna, f.ID))
		_, err = io.ReadAll(r)
		isMissing(t, err, "file")
	})
}
