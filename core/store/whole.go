package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/enginebay/enginebay/sdk/gguf"
)

// A dropIn is weights that are whole, and can be given a model file.
type dropIn struct {
	model     *Model
	files     []string       // all parts; of a move that a crash broke off, some lie in the new folder
	heads     []*gguf.Header // of each
	projector string         // path, or empty
}

// all are its files, projector included.
func (d *dropIn) all() []string {
	if d.projector == "" {
		return d.files
	}
	return append(slices.Clip(d.files), d.projector)
}

// adoptable says whether a model is weights that a model file can be written for.
// What lies behind a link belongs to somebody else, and so may what is only read.
func (s *Store) adoptable(m *Model) bool {
	return s.drops.on && s.rootOf(m.Dir).writable && m.File == "" && m.home != "" && len(m.Files) > 0 && extension(m.Files[0]) == ".gguf" && !s.drops.refuses(m.home) &&
		!slices.ContainsFunc(m.Files, func(file string) bool { return s.link(file) != "" })
}

// hold keeps a model from being used.
func (m *Model) hold(why error) { m.Ready, m.held, m.Err = false, true, why }

// weigh makes a drop-in of weights without a model file that are whole, and else
// says what is missing. at is the place that is to be looked at again
// where time alone may help.
func (s *Store) weigh(m *Model, l listing, at place) (*dropIn, error) {
	d := &dropIn{model: m, files: m.Files, projector: m.MMProj}
	if len(m.Missing) > 0 {
		if d.files = s.reunited(m); d.files == nil {
			return nil, m.Err
		}
	}
	if s.isRoot(l.dir) {
		d.projector = l.partner(filepath.Base(m.Files[0]))
	}
	if beside := l.unfinished(d.all()); beside != "" {
		return nil, fmt.Errorf("%s lies beside it, a download that is not over; %s", beside, becomes)
	}
	rested := s.drops.rested(m.home, d.all())
	moving := rested.After(time.Now())
	if moving {
		s.drops.later(at, rested)
	}
	if err := d.read(moving); err != nil {
		return nil, err
	}
	if moving {
		return nil, fmt.Errorf("%s has just been written to; it becomes a model when nobody has for %v", filepath.Base(m.Files[0]), s.drops.quiet)
	}
	for _, file := range d.all() {
		if openForWriting(file) {
			s.drops.later(at, time.Now().Add(s.drops.quiet))
			return nil, fmt.Errorf("a program still writes to %s; %s", filepath.Base(file), becomes)
		}
	}
	return d, nil
}

const becomes = "it becomes a model when it is whole"

// read reads the heads, and says what stands against using the files.
func (d *dropIn) read(moving bool) error {
	for _, file := range d.files {
		h, err := gguf.Read(file)
		if err != nil {
			return unreadable(file, moving, err)
		}
		switch {
		case h.IsMMProj:
			return fmt.Errorf("%s is the projector of a vision model, not a model", filepath.Base(file))
		case h.SplitCount > 1 && h.SplitCount != len(d.files):
			return fmt.Errorf("%s is part %d of %d, and its name does not say so: give all parts the names that they came with", filepath.Base(file), h.SplitNo+1, h.SplitCount)
		}
		d.heads = append(d.heads, h)
	}
	if d.projector != "" {
		if _, err := gguf.Read(d.projector); err != nil {
			return unreadable(d.projector, moving, err)
		}
	}
	return nil
}

// unreadable is why a file is of no use yet.
func unreadable(file string, moving bool, err error) error {
	name := filepath.Base(file)
	var incomplete *gguf.IncompleteError
	if errors.As(err, &incomplete) {
		have, want := bytesText(incomplete.Size), bytesText(incomplete.Want)
		if have == want {
			have, want = humanize.Comma(incomplete.Size), humanize.Comma(incomplete.Want)+" bytes"
		}
		return fmt.Errorf("%s of %s of %s are here; %s", have, want, name, becomes)
	}
	if info, statErr := os.Stat(file); statErr == nil && moving {
		return fmt.Errorf("%s of %s are here so far; %s", bytesText(info.Size()), name, becomes)
	}
	return fmt.Errorf("%s: %w", name, unwrapped(err))
}

func bytesText(n int64) string { return humanize.SIWithDigits(float64(n), 1, "B") }

// downloads are how the names of files end that a download is not done with; some
// programs put all of them away at the end, others only this mark.
var downloads = []string{".part", ".partial", ".aria2", ".crdownload", ".tmp", ".download", ".incomplete", ".filepart", ".opdownload", ".!qb", ".!ut"}

// unfinished is a file beside others which says that one of them is not whole.
func (l listing) unfinished(files []string) string {
	for _, file := range files {
		name := filepath.Base(file)
		for _, beside := range l.files {
			mark := extension(beside)
			if slices.Contains(downloads, mark) && (strings.HasPrefix(beside, name+".") || strings.TrimSuffix(beside, filepath.Ext(beside)) == stem(name)) {
				return beside
			}
		}
	}
	return ""
}

// reunited are all parts of loose weights, some of which a crash has left in the
// folder that they were on their way to; nil where some are nowhere. Parts of the
// same names in a folder with anything else are those of another model.
func (s *Store) reunited(m *Model) []string {
	if !m.loose() {
		return nil
	}
	d := &dropIn{files: gguf.Parts(m.Files[0])}
	folder := filepath.Dir(m.home)
	for i, file := range d.files {
		if !existing(file) {
			d.files[i] = filepath.Join(folder, filepath.Base(file))
		}
		if !existing(d.files[i]) {
			return nil
		}
	}
	if !d.fills(folder) {
		return nil
	}
	return d.files
}

// partner is the loose projector that goes by its name with loose weights.
func (l listing) partner(weights string) string {
	for _, name := range l.files {
		if extension(name) == ".gguf" && gguf.IsMMProj(name) && gguf.Subject(name) != "" && gguf.Subject(name) == gguf.Subject(weights) {
			return filepath.Join(l.dir, name)
		}
	}
	return ""
}
