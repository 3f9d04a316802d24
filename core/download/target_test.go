package download_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/sdk"
)

// half fetches a part of a file, and returns how much its journal has then.
func half(t *testing.T, f download.File) int64 {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := newClient(t, download.Config{Rate: 100 << 20}).Fetch(ctx, []download.File{f}, func(p download.Progress) {
		if p.Done >= 8*mega {
			cancel()
		}
	})
	if sdk.CodeOf(err) != sdk.CodeCanceled {
		t.Fatalf("error is %v, wanted canceled", err)
	}
	done, total, paused, ok := download.Partial(f.Path)
	if !ok || paused || done < 8*mega || done >= total || total != int64(len(large)) {
		t.Fatalf("partial is %d of %d, paused %v, %v", done, total, paused, ok)
	}
	return done
}

func TestPause(t *testing.T) {
	f := download.File{Path: target(t), URL: serve(t, good(t))}
	if err := download.Pause(f.Path); err != nil {
		t.Fatalf("without a partial: %v", err)
	}
	done := half(t, f)
	if err := download.Pause(f.Path); err != nil {
		t.Fatal(err)
	}
	if now, _, paused, ok := download.Partial(f.Path); !ok || !paused || now != done {
		t.Fatalf("partial is %d of before %d, paused %v, %v", now, done, paused, ok)
	}
	if got, err := fetchOne(t, newClient(t, download.Config{}), f); err != nil || !bytes.Equal(got, large) {
		t.Fatal(err)
	}
	if _, _, _, ok := download.Partial(f.Path); ok {
		t.Fatal("there is a partial of a whole file")
	}
}

func TestPauseBeforeTheEndOfTheFetch(t *testing.T) {
	f := download.File{Path: target(t), URL: serve(t, good(t))}
	ctx, cancel := context.WithCancel(t.Context())
	err := newClient(t, download.Config{Rate: 20 << 20}).Fetch(ctx, []download.File{f}, func(p download.Progress) {
		if p.Done < mega || ctx.Err() != nil {
			return
		}
		if err := download.Pause(f.Path); err != nil {
			t.Error(err)
		}
		if err := download.Discard(f.Path); sdk.CodeOf(err) != sdk.CodeUnavailable {
			t.Errorf("discarding what is being fetched: %v", err)
		}
		cancel()
	})
	if _, _, paused, ok := download.Partial(f.Path); !ok || !paused {
		t.Fatalf("paused %v, %v, after %v", paused, ok, err)
	}
	if err := download.Discard(f.Path); err != nil {
		t.Fatal(err)
	}
	if left := names(t, filepath.Dir(f.Path)); len(left) > 0 {
		t.Fatalf("left are %q", left)
	}
}

// TestWhatANewPartialIsWorth resumes after something else than time has passed.
func TestWhatAnOldPartialIsWorth(t *testing.T) {
	for _, row := range []struct {
		name   string
		tags   [2]string // before and after
		hashed bool      // the SHA-256 is known
		change func(t *testing.T, f *download.File)
		want   []byte // nil: large
		kept   bool   // what was there is not fetched again
	}{
		{name: "the same version", tags: [2]string{`"1"`, `"1"`}, kept: true},
		{name: "another version", tags: [2]string{`"1"`, `"2"`}, want: other},
		{name: "no version, but a SHA-256", hashed: true, kept: true},
		{name: "no version"},
		{name: "another address", tags: [2]string{`"1"`, `"1"`}, change: func(_ *testing.T, f *download.File) { f.URL += "/v2" }},
		{name: "another address, but a SHA-256", tags: [2]string{`"1"`, `"1"`}, hashed: true, kept: true, change: func(_ *testing.T, f *download.File) { f.URL += "/v2" }},
		{name: "bytes that changed on disk", tags: [2]string{`"1"`, `"1"`}, hashed: true, change: spoil},
		{name: "a partial that is cut", tags: [2]string{`"1"`, `"1"`}, change: func(t *testing.T, f *download.File) { must(t, os.Truncate(part(f.Path), mega)) }},
		{name: "a partial that is gone", tags: [2]string{`"1"`, `"1"`}, change: func(t *testing.T, f *download.File) { must(t, os.Remove(part(f.Path))) }},
		{name: "a partial that is a link", tags: [2]string{`"1"`, `"1"`}, change: link},
		{name: "a journal that is gone", tags: [2]string{`"1"`, `"1"`}, change: journal("")},
		{name: "a journal of nonsense", tags: [2]string{`"1"`, `"1"`}, change: journal(`{"format":1,"done":`)},
		{name: "a journal of another format", tags: [2]string{`"1"`, `"1"`}, change: journal(`{"format":2,"size":17825792,"etag":"\"1\"","done":[{"from":0,"to":17825792}]}`)},
		{name: "a journal that claims too much", tags: [2]string{`"1"`, `"1"`}, change: journal(`{"format":1,"size":17825792,"etag":"\"1\"","done":[{"from":-5,"to":99999999999}]}`)},
		{name: "a journal out of order", tags: [2]string{`"1"`, `"1"`}, change: journal(`{"format":1,"size":17825792,"etag":"\"1\"","done":[{"from":9,"to":12},{"from":0,"to":10}]}`)},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := &origin{data: large, tag: row.tags[0]}
			f := download.File{Path: target(t), URL: serve(t, o)}
			if row.hashed {
				f.SHA256 = sum(large)
			}
			half(t, f)
			want := large
			if row.want != nil {
				want = row.want
			}
			if row.change != nil {
				row.change(t, &f)
			}
			o.mu.Lock()
			o.data, o.tag = want, row.tags[1]
			asked := len(o.ranges)
			o.mu.Unlock()
			got, err := fetchOne(t, newClient(t, download.Config{}), f)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("error: %v, the right bytes: %v", err, bytes.Equal(got, want))
			}
			ranges, _ := o.asked()
			fromZero := strings.Contains(strings.Join(ranges[asked:], " "), "bytes=0-")
			if fromZero == row.kept {
				t.Errorf("asked for %q, what was there should be kept: %v", ranges[asked:], row.kept)
			}
		})
	}
}

func part(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// spoil changes bytes behind the journal's back.
func spoil(t *testing.T, f *download.File) {
	file, err := os.OpenFile(part(f.Path), os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteAt([]byte("spoiled"), 100)
	must(t, err)
	must(t, file.Close())
	text, err := os.ReadFile(part(f.Path) + ".json")
	must(t, err)
	must(t, os.WriteFile(part(f.Path)+".json", bytes.Replace(text, []byte(`"state"`), []byte(`"was"`), 1), 0o600))
}

// link puts a link to somebody's file in place of the partial.
func link(t *testing.T, f *download.File) {
	precious := filepath.Join(t.TempDir(), "precious")
	must(t, os.WriteFile(precious, []byte("precious"), 0o600))
	must(t, os.Remove(part(f.Path)))
	if err := os.Symlink(precious, part(f.Path)); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if got, err := os.ReadFile(precious); string(got) != "precious" {
			t.Errorf("the link was followed: %d bytes, %v", len(got), err)
		}
	})
}

func journal(text string) func(*testing.T, *download.File) {
	return func(t *testing.T, f *download.File) {
		must(t, os.Remove(part(f.Path)+".json"))
		if text != "" {
			must(t, os.WriteFile(part(f.Path)+".json", []byte(text), 0o600))
		}
	}
}

// TestTogether fetches one target by many at once.
func TestTogether(t *testing.T) {
	o := &origin{data: large, tag: `"1"`}
	f := download.File{Path: target(t), URL: serve(t, o), SHA256: sum(large)}
	var all sync.WaitGroup
	errs := make(chan error, 5)
	for range cap(errs) {
		c := newClient(t, download.Config{})
		all.Go(func() { errs <- c.Fetch(t.Context(), []download.File{f}, nil) })
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if got, err := os.ReadFile(f.Path); err != nil || !bytes.Equal(got, large) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, sent := o.asked(); sent > int64(len(large))+8*mega {
		t.Errorf("%d MB were sent for %d", sent>>20, len(large)>>20)
	}
}

// TestProgress fetches several files.
func TestProgress(t *testing.T) {
	dir, url := t.TempDir(), serve(t, good(t))
	var files []download.File
	for i := range 3 {
		files = append(files, download.File{Path: filepath.Join(dir, fmt.Sprintf("sub/%d.gguf", i)), URL: url, Size: int64(len(large)), SHA256: sum(large)})
	}
	var all []download.Progress
	if err := newClient(t, download.Config{Rate: 200 << 20}).Fetch(t.Context(), files, func(p download.Progress) { all = append(all, p) }); err != nil {
		t.Fatal(err)
	}
	last := download.Progress{Phase: download.Downloading}
	for _, p := range all {
		if p.Phase == last.Phase && p.Done < last.Done || p.Total != 3*int64(len(large)) || p.Done > p.Total || len(p.Files) != 3 {
			t.Fatalf("%+v after %+v", p, last)
		}
		last = p
	}
	if last.Done != last.Total || last.Phase != download.Verifying || last.Files[2].Name != "2.gguf" || last.Files[2].Done != int64(len(large)) {
		t.Errorf("the last is %+v", last)
	}
	speeds := false
	for _, p := range all {
		speeds = speeds || p.Speed > 1e6 && p.ETA >= 0
	}
	if !speeds {
		t.Errorf("no speed in %d", len(all))
	}
}
