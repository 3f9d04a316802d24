package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// followEvery is how often a followed log is looked at.
const followEvery = 200 * time.Millisecond

// logReader reads the log file, and those that were put aside before it.
type logReader struct {
	name string
	file *os.File
	rest []byte // of a line that is not whole yet
}

func openLogs(name string) (*logReader, error) {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no log at %s yet; a server writes it: enginebay serve", name)
	}
	return &logReader{name: name, file: file}, err
}

func (l *logReader) close() { l.file.Close() }

// all hands on every entry that is wanted.
func (l *logReader) all(want *wanted, found func(entry)) {
	for _, name := range slices.Backward(l.older()) {
		if info, err := os.Stat(name); err == nil && !info.ModTime().Before(want.since) {
			scanFile(name, want, found)
		}
	}
	l.rest = scan(l.file, nil, want, found)
}

// last returns the last n entries. Where no name is wanted, it reads the older
// files only where need be; a plugin's name needs them all.
func (l *logReader) last(want *wanted, n int) []entry {
	t := tail{n: n}
	if want.name != "" {
		l.all(want, t.add)
		return t.last()
	}
	l.rest = scan(l.file, nil, want, t.add)
	entries := t.last()
	for _, name := range l.older() {
		if len(entries) == n {
			break
		}
		t := tail{n: n - len(entries)}
		scanFile(name, want, t.add)
		entries = append(t.last(), entries...)
	}
	return entries
}

// tail keeps the last n of many entries.
type tail struct {
	n       int
	entries []entry
}

func (t *tail) add(e entry) {
	if len(t.entries) >= 2*t.n {
		t.entries = append([]entry{}, t.last()...)
	}
	t.entries = append(t.entries, e)
}

func (t *tail) last() []entry { return t.entries[max(0, len(t.entries)-t.n):] }

// older are the files that were put aside, the newest first: their names have the time.
func (l *logReader) older() []string {
	base := strings.TrimSuffix(l.name, filepath.Ext(l.name))
	names, _ := filepath.Glob(base + "-*" + filepath.Ext(l.name))
	slices.Sort(names)
	slices.Reverse(names)
	return names
}

// follow hands on what is wanted of all that is written from now on, until ctx ends.
func (l *logReader) follow(ctx context.Context, want *wanted, found func(entry)) {
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		next := l.replaced() // asked before the rest is read: nothing is written to it afterwards
		l.rest = scan(l.file, l.rest, want, found)
		if next != nil {
			l.file.Close()
			l.file, l.rest = next, nil
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// replaced returns the file that has taken the place of the one that is read.
func (l *logReader) replaced() *os.File {
	next, err := os.Open(l.name)
	if err != nil {
		return nil // it is just being put aside
	}
	was, _ := l.file.Stat()
	is, err := next.Stat()
	if err != nil || os.SameFile(was, is) {
		next.Close()
		return nil
	}
	return next
}

// scanFile hands on what is wanted of a file that was put aside. One that has gone
// meanwhile is too old to be missed.
func scanFile(name string, want *wanted, found func(entry)) {
	file, err := os.Open(name)
	if err != nil {
		return
	}
	defer file.Close()
	scan(file, nil, want, found)
}

// scan hands on what is wanted up to the end of a file. It returns the line that is
// not whole yet, which begins with rest.
func scan(r io.Reader, rest []byte, want *wanted, found func(entry)) []byte {
	lines := bufio.NewReader(r)
	for {
		piece, err := lines.ReadBytes('\n')
		rest = append(rest, piece...)
		if err != nil {
			return rest
		}
		if want.mayHave(rest) {
			if e, ok := parseEntry(bytes.TrimSpace(rest)); ok && want.has(e) {
				found(e)
			}
		}
		rest = nil
	}
}
