package conversation_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
)

func newStore(t *testing.T) *conversation.Store {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{File: filepath.Join(t.TempDir(), "x.db"), Migrations: conversation.Migrations})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s, err := conversation.Open(t.Context(), db, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// late is a content that has told of itself when it has ended.
type late struct {
	io.Reader
	tell func()
}

func (l late) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if err == io.EOF {
		l.tell()
	}
	return n, err
}

func TestFileIsToldOfAtItsEnd(t *testing.T) {
	s := newStore(t)
	f := &conversation.File{}
	if err := s.CreateFile(t.Context(), anna, f, late{strings.NewReader("x"), func() { f.Purpose, f.Filename = "vision", "x.png" }}); err != nil {
		t.Fatal(err)
	}
	found, err := s.Files(t.Context(), anna, "vision", conversation.Page{})
	if err != nil || len(found.Data) != 1 || found.Data[0].Filename != "x.png" {
		t.Errorf("%+v %v", found, err)
	}
}

func TestFileWhoseTimeIsOver(t *testing.T) {
	s := newStore(t)
	past := time.Now().Unix() - 1
	f := &conversation.File{Purpose: "vision", ExpiresAt: &past}
	if err := s.CreateFile(t.Context(), anna, f, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	missing := (*conversation.Missing)(nil)
	if _, err := s.File(t.Context(), anna, f.ID); !errors.As(err, &missing) {
		t.Errorf("it is shown: %v", err)
	}
	if _, _, err := s.FileContent(t.Context(), anna, f.ID); !errors.As(err, &missing) {
		t.Errorf("it is read: %v", err)
	}
	if all, err := s.Files(t.Context(), anna, "", conversation.Page{}); err != nil || len(all.Data) > 0 {
		t.Errorf("it is listed: %+v %v", all, err)
	}
	if n, err := s.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("%d were swept: %v", n, err)
	}
}

// TestContentThatBreaksOff: half a file is none, whatever the reader calls it.
func TestContentThatBreaksOff(t *testing.T) {
	s := newStore(t)
	content := io.MultiReader(strings.NewReader(strings.Repeat("x", 600<<10)), iotest.ErrReader(io.ErrUnexpectedEOF))
	f := &conversation.File{Purpose: "vision"}
	if err := s.CreateFile(t.Context(), anna, f, content); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	if _, err := s.File(context.Background(), anna, f.ID); err == nil {
		t.Error("it is there")
	}
}

// TestContentOfAnyPart holds the reader to all that io.ReadSeeker promises.
func TestContentOfAnyPart(t *testing.T) {
	s := newStore(t)
	for name, size := range map[string]int{"nothing": 0, "a chunk": 512 << 10, "two and a bit": 1<<20 + 7} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat("0123456789abcdefg", size/17+1)[:size]
			f := &conversation.File{}
			if err := s.CreateFile(t.Context(), anna, f, strings.NewReader(text)); err != nil {
				t.Fatal(err)
			}
			_, content, err := s.FileContent(t.Context(), anna, f.ID)
			if err != nil {
				t.Fatal(err)
			}
			if err := iotest.TestReader(content, []byte(text)); err != nil {
				t.Error(err)
			}
			if _, err := content.Seek(int64(size)+1, io.SeekStart); err == nil {
				t.Error("behind the end")
			}
		})
	}
}
