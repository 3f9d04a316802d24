package install

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/enginebay/enginebay/core/durable"
	"github.com/enginebay/enginebay/sdk"
)

// state is what is written down, while a writer has it to itself.
type state struct {
	home string
	book book
	lock Lock
}

// change lets f change what is written down. Nobody else writes meanwhile; what f
// made of it is written when it returns no error. Other processes see all of the
// change or nothing.
//
//	plugins.lock.json.next   the lock file as it will be
//	plugins/installed.json   replaced: from here on the change has happened
//	plugins.lock.json        takes its next text
//
// Whoever comes after a process that was killed in between finds by installed.json,
// which has the hash of the lock file that belongs to it, whether the next text
// counts.
func change(ctx context.Context, home string, f func(*state) error) error {
	home, unlock, err := hold(ctx, home)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := load(home)
	if err != nil {
		return err
	}
	before, err := s.content()
	if err != nil {
		return err
	}
	if err := f(s); err != nil {
		return err
	}
	return s.write(before)
}

// hold makes this process the only writer, waiting while another one is.
func hold(ctx context.Context, home string) (string, func(), error) {
	home, err := filepath.Abs(home)
	if err == nil {
		err = os.MkdirAll(storeDir(home), 0o700)
	}
	if err != nil {
		return "", nil, err
	}
	lock := flock.New(filepath.Join(home, "plugins", "installed.lock"), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		lock.Close()
		if ctx.Err() != nil {
			return "", nil, &sdk.Error{Code: sdk.CodeCanceled, Message: "The installed plugins are being changed by another process; try again", Cause: err}
		}
		return "", nil, err
	}
	return home, func() { lock.Close() }, nil
}

// load reads what is written down, and ends first what a killed process began.
func load(home string) (*state, error) {
	s := &state{home: home}
	var err error
	if s.book, err = readBook(home); err != nil {
		return nil, err
	}
	if err := s.recover(); err != nil {
		return nil, err
	}
	if s.lock, err = ReadLock(home); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *state) recover() error {
	next := filepath.Join(s.home, LockFile+".next")
	text, err := os.ReadFile(next)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case sumOf(text) == s.book.Lock:
		return os.Rename(next, filepath.Join(s.home, LockFile))
	}
	return os.Remove(next)
}

// content is the text of both files.
type content struct{ book, lock []byte }

func (s *state) content() (t content, err error) {
	if t.book, err = pretty(s.book); err == nil {
		t.lock, err = s.lock.text()
	}
	return t, err
}

// write writes what differs from before.
func (s *state) write(before content) error {
	after, err := s.content()
	if err != nil {
		return err
	}
	newLock := !bytes.Equal(before.lock, after.lock)
	if newLock {
		s.book.Lock = sumOf(after.lock)
		if after, err = s.content(); err != nil {
			return err
		}
		if err := durable.Replace(filepath.Join(s.home, LockFile+".next"), after.lock, 0o600); err != nil {
			return err
		}
	}
	reached("lock is prepared")
	if !bytes.Equal(before.book, after.book) {
		if err := durable.Replace(filepath.Join(s.home, BookFile), after.book, 0o600); err != nil {
			return err
		}
	}
	reached("switched")
	if newLock {
		defer reached("lock is in place")
		return os.Rename(filepath.Join(s.home, LockFile+".next"), filepath.Join(s.home, LockFile))
	}
	return nil
}

// follow makes the lock file say of a plugin what is current.
func (s *state) follow(name string) {
	t := s.book.Plugins[name]
	if t == nil {
		delete(s.lock.Plugins, name)
		return
	}
	s.lock.Plugins[name] = t.Editions[t.Current].Locked
}

// reached is told of each step of a change; tests kill the process there.
var reached = func(string) {}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
