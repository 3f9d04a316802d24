package download

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/enginebay/enginebay/sdk"
)

// A File is a file to fetch.
type File struct {
	Path   string // of the target, absolute
	URL    string // http or https
	Size   int64  // bytes; 0 where unknown
	SHA256 string // hexadecimal; empty where unknown

	// Check looks at the whole file, under another name, before it gets its own.
	// Its error ends the fetch and removes the file. It may be nil.
	Check func(path string) error
}

// together is how many files of a fetch come at once: a second one fills the line
// while the end of the first is checked.
const together = 2

// Fetch brings all files to their targets. Those that are there with the right size
// are left alone; partials are gone on with. progress, which may be nil, is called
// from one goroutine, at most four times a second and at the end.
//
// It returns when all is there, or with the first error; what came until then is
// kept for the next call. The errors are [sdk.Error]s: CodeNotFound, CodeUnauthorized
// (also a page to log in), CodeUnavailable (network and server, after many tries),
// CodeExhausted (the disk), CodeInvalid (another file than the one wanted), and
// CodeCanceled.
func (c *Client) Fetch(ctx context.Context, files []File, progress func(Progress)) error {
	fetches, err := c.prepare(files)
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range fetches {
			f.target.letGo()
		}
	}()
	for _, f := range fetches {
		if err := f.intend(); err != nil {
			return coded(ctx, f.file.Path, err)
		}
	}
	if err := c.fits(fetches); err != nil {
		return err
	}
	stop := c.tell(fetches, progress)
	defer stop()
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(together)
	for _, f := range fetches {
		g.Go(func() error {
			if inner.Err() != nil { // of another file; this one was not begun
				return nil
			}
			return coded(ctx, f.file.Path, f.run(inner))
		})
	}
	err = g.Wait()
	if hopeless(err) {
		for _, f := range fetches {
			f.giveUp()
		}
	}
	if err == nil && ctx.Err() != nil {
		err = coded(ctx, files[0].Path, ctx.Err())
	}
	if len(fetches) > 0 {
		fetches[0].http.CloseIdleConnections()
	}
	return err
}

// tell calls progress until the returned function is called.
func (c *Client) tell(fetches []*fetch, progress func(Progress)) func() {
	ctx, cancel := context.WithCancel(context.Background())
	var told sync.WaitGroup
	told.Go(func() { (&meter{fetches: fetches}).run(ctx, c.pace.report, progress) })
	return func() {
		cancel()
		told.Wait()
	}
}

// prepare checks what is to be fetched.
func (c *Client) prepare(files []File) ([]*fetch, error) {
	settings := c.settings.Load()
	seen := map[string]bool{}
	var all []*fetch
	for _, f := range files {
		f.Path, f.SHA256 = filepath.Clean(f.Path), strings.ToLower(f.SHA256)
		u, err := url.Parse(f.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" {
			return nil, sdk.Errorf(sdk.CodeInvalid, "'%s' cannot be downloaded: its address is neither https: nor http:", filepath.Base(f.Path))
		}
		sum, err := hex.DecodeString(f.SHA256)
		if err != nil || len(sum) != 32 && len(sum) != 0 || f.Size < 0 || !filepath.IsAbs(f.Path) || seen[f.Path] {
			return nil, sdk.Errorf(sdk.CodeInvalid, "'%s' cannot be downloaded: its path, size or SHA-256 is wrong", filepath.Base(f.Path))
		}
		seen[f.Path] = true
		all = append(all, &fetch{settings: settings, client: c, file: f})
	}
	for _, f := range all {
		f.target = hold(f.file.Path)
	}
	return all, nil
}

// A fetch is what becomes of one file.
type fetch struct {
	*settings
	client *Client
	file   File
	target *target

	transfer atomic.Pointer[transfer]
	size     atomic.Int64 // of the target, once it is whole
	finished atomic.Bool
}

// whole says whether the target is there. It got its name after all checks.
func (f *fetch) whole() bool {
	info, err := os.Stat(f.file.Path)
	if err != nil || !info.Mode().IsRegular() || f.file.Size != 0 && info.Size() != f.file.Size {
		return false
	}
	f.size.Store(info.Size())
	f.finished.Store(true)
	return true
}

// intend writes down that the file is to come, so that a process that starts after
// this one was killed knows it. A pause ends with that.
func (f *fetch) intend() error {
	if f.whole() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(f.file.Path), 0o700); err != nil {
		return err
	}
	f.target.pause(false)
	j, ok := readJournal(f.file.Path)
	if ok && !j.Paused {
		return nil
	}
	if !ok {
		j = journal{Address: digest(f.file.URL), Size: f.file.Size, SHA256: f.file.SHA256}
	}
	return f.target.write(j)
}

func (f *fetch) run(ctx context.Context) (err error) {
	if err := f.target.enter(ctx); err != nil {
		return err
	}
	defer f.target.leave()
	if f.whole() { // by another call, perhaps
		return f.target.discard()
	}
	p, err := open(f.target, f.file)
	if err != nil {
		return err
	}
	defer func() { err = f.end(p, err) }()
	t := &transfer{settings: f.settings, client: f.client, file: f.file, part: p}
	f.transfer.Store(t)
	defer f.client.live.Delete(p)
	if err := f.client.reserve(p, f.Config); err != nil {
		return err
	}
	return t.run(ctx)
}

// end keeps what is of use for the next time, and nothing else.
func (f *fetch) end(p *part, err error) error {
	defer p.file.Close()
	if err == nil {
		f.whole()
		return nil
	}
	var useless *discarding
	length, _, total := p.board.state()
	endless := length == unknown && total > 0 // nobody can go on with that
	switch {
	case errors.As(err, &useless), total == 0 && hopeless(err), endless && sdk.CodeOf(err) == sdk.CodeExhausted:
		return errors.Join(err, p.file.Close(), f.target.discard())
	case endless:
		return errors.Join(err, p.begin(unknown, version{}, nil))
	}
	if !p.own() { // its journal is about another one
		return err
	}
	if err := p.save(); err != nil && !errors.Is(err, fs.ErrClosed) {
		f.Log.Warn("the journal of a download cannot be written", "file", filepath.Base(f.file.Path), "error", err)
	}
	return err
}

// giveUp takes back an intention where nothing came of it.
func (f *fetch) giveUp() {
	if done, _, _, ok := Partial(f.file.Path); ok && done == 0 {
		Discard(f.file.Path) // it fails where another call is at it, which is right
	}
}

// hopeless says whether another try would end as this one did.
func hopeless(err error) bool {
	switch sdk.CodeOf(err) {
	case sdk.CodeNotFound, sdk.CodeUnauthorized, sdk.CodeInvalid:
		return true
	}
	return false
}

// state is what a meter shows of a file.
type state struct {
	done, total  int64
	came, hashed int64
	written      bool
}

func (f *fetch) state() state {
	t := f.transfer.Load()
	if f.finished.Load() {
		size := f.size.Load()
		s := state{done: size, total: size, hashed: size, written: true}
		if t != nil {
			s.came = t.got.Load()
		}
		return s
	}
	if t == nil {
		return state{total: f.file.Size}
	}
	end, _, done := t.part.board.state()
	s := state{done: done, total: end, came: t.got.Load(), hashed: t.part.sum.done(), written: done == end}
	if end == unknown {
		s.total = 0
	}
	return s
}
