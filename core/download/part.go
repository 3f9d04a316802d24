package download

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/sdk"
)

// A part is a partial that is being written.
type part struct {
	target *target
	file   *os.File
	board  *board
	sum    *sum

	mu    sync.Mutex
	known journal // without what board and sum know
	saves sync.Mutex
}

// open goes on with the partial of a file, or begins one. What the journal says is
// of use where it is about the same file: the same SHA-256, or else the same address
// with something to tell its versions by.
func open(t *target, f File) (*part, error) {
	p := &part{target: t, sum: newSum()}
	j, ok := readJournal(t.path)
	if err := p.openFile(os.O_RDWR); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if info, err := p.file.Stat(); err != nil || info.Size() != j.Size { // of no file there is an error
		ok = false
	}
	p.known = journal{Address: digest(f.URL), Size: f.Size, SHA256: f.SHA256}
	p.board = newBoard(end(f.Size), nil)
	if ok && p.known.continues(j) {
		p.known.Size, p.known.SHA256, p.known.version = j.Size, first(f.SHA256, j.SHA256), j.version
		p.board = newBoard(end(j.Size), j.Done)
		p.sum.restore(j.State, j.Hashed)
		return p, nil
	}
	p.file.Close()
	if err := errors.Join(t.write(p.journal(nil)), remove(partName(t.path))); err != nil {
		return nil, fmt.Errorf("begin a part of %s: %w", filepath.Base(t.path), err)
	}
	return p, p.openFile(os.O_RDWR | os.O_CREATE | os.O_EXCL)
}

// openFile opens the partial for this process alone: another server may have the
// same folder of models.
func (p *part) openFile(flags int) (err error) {
	name := partName(p.target.path)
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return fs.ErrNotExist // open puts one in its place
	}
	if p.file, err = os.OpenFile(name, flags, 0o644); err != nil {
		return fmt.Errorf("open the part of %s: %w", filepath.Base(p.target.path), err)
	}
	if !lock(p.file) || !p.own() {
		p.file.Close()
		return elsewhere(p.target.path)
	}
	return nil
}

func elsewhere(path string) error {
	return sdk.Errorf(sdk.CodeUnavailable, "'%s' is being downloaded by another program; wait for it", filepath.Base(path))
}

// own says whether the partial on disk is still the one that is being written.
func (p *part) own() bool {
	there, err := os.Lstat(partName(p.target.path))
	if err != nil {
		return false
	}
	ours, err := p.file.Stat()
	return err == nil && os.SameFile(there, ours)
}

// continues says whether what an older journal claims is of use now.
func (j journal) continues(old journal) bool {
	if old.Size == 0 || j.Size != 0 && j.Size != old.Size {
		return false
	}
	if j.SHA256 != "" && old.SHA256 != "" {
		return j.SHA256 == old.SHA256
	}
	return j.Address == old.Address && old.version != version{}
}

func end(size int64) int64 {
	if size == 0 {
		return unknown
	}
	return size
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// begin makes the partial an empty one of the given end and version. The claim that
// is to be kept may be nil. The journal goes first: it must not claim what is not
// there any more.
func (p *part) begin(end int64, v version, keep *claim) error {
	p.saves.Lock()
	defer p.saves.Unlock()
	size := end
	if end == unknown {
		size = 0
	}
	p.mu.Lock()
	p.known.Size, p.known.version = size, v
	p.mu.Unlock()
	p.sum.restart(func() { p.board.reset(end, keep) })
	if err := p.target.write(p.journal(nil)); err != nil {
		return err
	}
	return errors.Join(p.file.Truncate(0), p.file.Truncate(size))
}

// learn keeps the SHA-256 that a catalogue's server told, where nobody knew it.
func (p *part) learn(sha256 string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known.SHA256 = first(p.known.SHA256, sha256)
}

// close says that a file of unknown length ends where a claim is now.
func (p *part) close(c *claim) {
	size := p.board.close(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known.Size = size
}

// adopt takes a version where none is known.
func (p *part) adopt(v version) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known.version == (version{}) {
		p.known.version = v
	}
}

// forget leaves it to the next answer to say of which version the file is.
func (p *part) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known.version = version{}
}

// expected is what the file must be.
func (p *part) expected() (j journal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known
}

func (p *part) journal(done spans) journal {
	j := p.expected()
	j.Done = done
	return j
}

// save makes what is written safe, and then says so in the journal. The sum is asked
// first: it is never ahead of the board.
func (p *part) save() error {
	p.saves.Lock()
	defer p.saves.Unlock()
	state, hashed := p.sum.state()
	_, done, _ := p.board.state()
	j := p.journal(done)
	j.State, j.Hashed = state, hashed
	if err := p.file.Sync(); err != nil {
		return err
	}
	return p.target.write(j)
}

// follow lets the SHA-256 follow the bytes as they come, where there is one to
// compare it with.
func (p *part) follow(ctx context.Context) error {
	for ctx.Err() == nil {
		more, err := false, error(nil)
		if p.expected().SHA256 != "" {
			if more, err = p.sum.step(p.file, p.board.front); err != nil {
				return err
			}
		}
		if more {
			continue
		}
		select {
		case <-p.board.grown:
		case <-ctx.Done():
		}
	}
	return nil
}

// finish checks the whole file and gives it its name.
func (p *part) finish(ctx context.Context, check func(string) error) error {
	name := partName(p.target.path)
	safe := make(chan error, 1)
	go func() { safe <- p.save() }() // while it is looked at
	err := p.verify(ctx)
	if unsafe := <-safe; err == nil && unsafe != nil {
		err = fmt.Errorf("write %s: %w", name, unsafe)
	}
	if err != nil {
		return err
	}
	if check != nil {
		if err := check(name); err != nil {
			return unfit(p.target.path, err)
		}
	}
	if !p.own() {
		return elsewhere(p.target.path)
	}
	if err := p.file.Close(); err != nil {
		return err
	}
	if err := os.Rename(name, p.target.path); err != nil {
		return err
	}
	if err := system.SyncFolder(filepath.Dir(name)); err != nil {
		return err
	}
	return p.target.discard()
}

// verify compares size and SHA-256 with what they must be.
func (p *part) verify(ctx context.Context) error {
	want := p.expected()
	info, err := p.file.Stat()
	if err != nil {
		return err
	}
	end, _, total := p.board.state()
	if info.Size() != end || total != end {
		return wrong("'%s' has %d bytes on disk, but must have %d; download it again", filepath.Base(p.target.path), info.Size(), end)
	}
	if want.SHA256 == "" {
		return nil
	}
	got, err := p.sum.result(ctx, p.file, end)
	if err != nil {
		return err
	}
	if got != want.SHA256 {
		return wrong("'%s' is not the file that it should be: its SHA-256 is %s, and must be %s; download it again, or choose another source", filepath.Base(p.target.path), got, want.SHA256)
	}
	return nil
}

// unfit is a file that arrived as it was sent and is of no use.
func unfit(path string, err error) error {
	if sdk.CodeOf(err) != sdk.CodeInternal {
		return &discarding{err}
	}
	return wrong("'%s' cannot be used: %v", filepath.Base(path), err)
}
