package workbench

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/enginebay/enginebay/core/packages"
)

const (
	// settle is how long the sources must be quiet before they are read: an editor
	// writes a file in several steps.
	settle = 100 * time.Millisecond
	// maxSource bounds what counts as a source, in bytes: larger are weights and the like.
	maxSource = 64 << 20
	// maxSources bounds their number: more is not a plugin's folder.
	maxSources = 20_000
)

// sources are the files of a plugin's folder that it is built from. What counts is
// their content, so that a build that writes among them does not begin itself anew.
type sources struct {
	dir     string
	events  *fsnotify.Watcher
	seen    map[string][sha256.Size]byte
	outputs map[string]bool // files that a build has written
}

func watch(dir string) (*sources, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	return &sources{dir: dir, events: events, outputs: map[string]bool{}}, nil
}

func (s *sources) close() { s.events.Close() }

// read makes what is there now what was seen.
func (s *sources) read() (err error) {
	s.seen, err = s.sums()
	return err
}

// ignoreOutputs is called after a build: what is other than before in the folders of
// packages was written by it.
func (s *sources) ignoreOutputs() error {
	now, err := s.sums()
	if err != nil {
		return err
	}
	for name := range now {
		if top, _, _ := strings.Cut(name, "/"); now[name] != s.seen[name] && packages.HasFolder(top) {
			s.outputs[name] = true
			delete(s.seen, name)
		}
	}
	return nil
}

// next blocks until a source differs from what was seen, and names it.
func (s *sources) next(ctx context.Context) (changed string, err error) {
	quiet := time.NewTimer(0) // something may have changed while it was built
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case _, ok := <-s.events.Events:
			if !ok {
				return "", errors.New("the sources are not watched any more")
			}
			quiet.Reset(settle)
		case <-s.events.Errors: // events were lost
			quiet.Reset(settle)
		case <-quiet.C:
			now, err := s.sums()
			if err != nil {
				return "", err
			}
			if changed := different(s.seen, now); changed != "" {
				return changed, nil
			}
		}
	}
}

// different names the first file that two states do not have in common.
func different(a, b map[string][sha256.Size]byte) (first string) {
	for _, state := range []map[string][sha256.Size]byte{a, b} {
		for name := range state {
			before, was := a[name]
			after, is := b[name]
			if (was != is || before != after) && (first == "" || name < first) {
				first = name
			}
		}
	}
	return first
}

// sums hashes the sources, and watches their folders.
func (s *sources) sums() (map[string][sha256.Size]byte, error) {
	sums := map[string][sha256.Size]byte{}
	err := filepath.WalkDir(s.dir, func(file string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went while we looked; its folder's watch tells
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(s.dir, file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		switch {
		case name != "." && ignored(name):
			if entry.IsDir() {
				return filepath.SkipDir
			}
		case entry.IsDir():
			err := s.events.Add(file)
			if name != "." && errors.Is(err, fs.ErrNotExist) {
				return nil // as above
			}
			return err
		case entry.Type().IsRegular() && !s.outputs[name]:
			return s.sum(sums, file, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the sources in %s: %w", s.dir, err)
	}
	return sums, nil
}

func (s *sources) sum(sums map[string][sha256.Size]byte, file, name string) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(f, maxSource+1))
	if err != nil || n > maxSource {
		return err
	}
	if len(sums) >= maxSources {
		return fmt.Errorf("more than %d files: that is no plugin's folder", maxSources)
	}
	sums[name] = [sha256.Size]byte(hash.Sum(nil))
	return nil
}

// ignored are names that no build reads, or that only builds write: of editors, of
// version control, of packages and of tests.
func ignored(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, ".") || strings.HasSuffix(base, "~") || strings.HasSuffix(base, ".test") ||
		slices.Contains([]string{"node_modules", "__pycache__", "dist", "build"}, base)
}
