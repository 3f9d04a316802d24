package store

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Quiet is how long nobody may write to weights before they are believed to be
// whole: a copy over a network pauses, too.
const Quiet = 2 * time.Second

// Adopt has the store give model files to weights that come without one, from now
// on. GGUF files in the models folder itself move into a folder of their own.
//
//	what is there                           what comes of it
//	x.gguf                                  x/{model.json, x.gguf}, id x
//	x.gguf, and a model x                   x-2/{model.json, x.gguf}, id x-2
//	x-00001-of-00002.gguf and the other     x/{model.json, both}, id x
//	a folder with one model's weights       model.json in it
//	a folder with several models' weights   NAME.json for each
//	more weights in such a folder           NAME.json for them
//	a person's model file for such weights  it stays, and the one that the store made goes
//	links, safetensors, what is not GGUF    stays as it is
//
// They wait, listed with the reason and not ready, until they are whole: all parts
// are there, each as long as its header says, no download lies unfinished beside
// them, and nobody has written to them for so long as quiet says. So nothing is moved that runs.
//
// A crash in between leaves weights without a model file, which the next look finds.
// Where the disk refuses, weights are listed as they lie, as they are without Adopt.
func (s *Store) Adopt(quiet time.Duration) error {
	s.mu.Lock()
	s.drops.on, s.drops.quiet = true, quiet
	s.mu.Unlock()
	return s.Scan()
}

// dropIns is what the store remembers of weights without a model file.
type dropIns struct {
	on    bool // guarded by the store's mu, as is quiet
	quiet time.Duration
	again *time.Timer // when to look at those that wait for time to pass

	mu      sync.Mutex
	seen    map[string]*sighting // by the path of the model file to be
	refused map[string]bool      // the disk did; by the same
	waiting map[place]time.Time  // the folder "" is for the loose ones
}

// sighting is what weights were like, and since when.
type sighting struct {
	like  string
	since time.Time
	asked bool // since the last forget
}

func newDropIns() *dropIns {
	never := time.NewTimer(time.Hour)
	never.Stop()
	return &dropIns{again: never, seen: map[string]*sighting{}, refused: map[string]bool{}, waiting: map[place]time.Time{}}
}

// rested is when nobody will have written to files for long enough, if nobody does
// from now on. Their own time says it for weights that were there before, unless
// it lies in the future: clocks of file servers differ.
func (d *dropIns) rested(home string, files []string) time.Time {
	now := time.Now()
	var like strings.Builder
	var newest time.Time
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			fmt.Fprintln(&like, filepath.Base(file), info.Size(), info.ModTime().UnixNano())
			if info.ModTime().After(newest) {
				newest = info.ModTime()
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	last := d.seen[home]
	if last == nil || last.like != like.String() {
		last = &sighting{like: like.String(), since: now}
		d.seen[home] = last
	}
	last.asked = true
	if newest.After(now) || newest.After(last.since) {
		return last.since.Add(d.quiet)
	}
	return newest.Add(d.quiet)
}

// later has a top-level folder looked at again.
func (d *dropIns) later(p place, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if before, ok := d.waiting[p]; !ok || at.Before(before) {
		d.waiting[p] = at
	}
}

// begin forgets who of the folders that are looked at now was waiting.
func (d *dropIns) begin(looked func(place) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.waiting, func(p place, _ time.Time) bool { return looked(p) })
}

// arm sets the clock for those that wait.
func (d *dropIns) arm() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) == 0 {
		d.again.Stop()
		return
	}
	first := slices.MinFunc(slices.Collect(maps.Values(d.waiting)), time.Time.Compare)
	d.again.Reset(time.Until(first))
}

// due are the folders that wait.
func (d *dropIns) due() []place {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.waiting))
}

// refuse leaves weights as they are from now on: the disk did not let them be taken in.
func (d *dropIns) refuse(home string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused[home] = true
}

func (d *dropIns) refuses(home string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refused[home]
}

// forget drops what was not asked for since the last time.
func (d *dropIns) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.seen, func(_ string, s *sighting) bool { return !s.asked })
	for _, s := range d.seen {
		s.asked = false
	}
}
