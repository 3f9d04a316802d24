package download

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"hash"
	"io"
	"sync"
)

// A sum is the SHA-256 of the front of a file, which follows the bytes as they
// come, so that little is left to do after the last one.
type sum struct {
	mu   sync.Mutex
	hash hash.Hash
	at   int64
	buf  []byte
}

func newSum() *sum { return &sum{hash: sha256.New()} }

// restore begins where a journal left off; a state that is none begins anew.
func (s *sum) restore(state []byte, at int64) {
	if len(state) > 0 && s.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(state) == nil {
		s.at = at
		return
	}
	s.hash.Reset()
}

// restart begins anew, with no step between that and what forget does.
func (s *sum) restart(forget func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	forget()
	s.hash.Reset()
	s.at = 0
}

// state is that over the bytes before at.
func (s *sum) state() (state []byte, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state, err := s.hash.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil || s.at == 0 {
		return nil, 0
	}
	return state, s.at
}

// step takes in the next bytes before the front; more says whether there are others.
func (s *sum) step(r io.ReaderAt, front func() int64) (more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buf == nil {
		s.buf = make([]byte, 2*block)
	}
	end := front()
	n := min(end-s.at, int64(len(s.buf)))
	if n <= 0 {
		return false, nil
	}
	if _, err := r.ReadAt(s.buf[:n], s.at); err != nil {
		return false, err
	}
	s.hash.Write(s.buf[:n])
	s.at += n
	return s.at < end, nil
}

// result is the SHA-256 of the whole file, in hexadecimal.
func (s *sum) result(ctx context.Context, r io.ReaderAt, end int64) (string, error) {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		var err error
		if more, err = s.step(r, func() int64 { return end }); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(s.hash.Sum(nil)), nil
}

func (s *sum) done() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}
