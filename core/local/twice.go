package local

import (
	"crypto/sha256"
	"io"
	"os"

	"github.com/enginebay/enginebay/core/store"
)

// twice is the error of files that are a model already.
func twice(s *store.Store, files []string) error {
	if m := Known(s, files); m != nil {
		return store.Conflict("The model '%s' has these weights already; to have them twice, tell another id", m.ID)
	}
	return nil
}

// Known is the model whose weights files are: the same file, or one of the same
// length that is the same at both ends; nil where there is none.
func Known(s *store.Store, files []string) *store.Model {
	if len(files) == 0 {
		return nil
	}
	info, err := os.Stat(files[0])
	if err != nil { // who reads the file says so
		return nil
	}
	for _, m := range s.Models() {
		if len(m.Files) != len(files) {
			continue
		}
		other, err := os.Stat(m.Files[0])
		if err == nil && (os.SameFile(info, other) || other.Size() == info.Size() && ends(m.Files[0]) == ends(files[0])) {
			return m
		}
	}
	return nil
}

// used says whether a model of the store needs one of these very files, which can
// then not be moved away.
func used(s *store.Store, files []string) error {
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			continue
		}
		for _, m := range s.Models() {
			for _, theirs := range append([]string{m.MMProj}, m.Files...) {
				if other, err := os.Stat(theirs); err == nil && os.SameFile(info, other) {
					return store.Conflict("The model '%s' uses %s: copy it, or remove that model first", m.ID, file)
				}
			}
		}
	}
	return nil
}

// ends is a hash of the first and the last mebibyte of a file. Weights of one
// length that share both are the same: the head holds all names, the tail numbers.
func ends(file string) (sum [sha256.Size]byte) {
	f, err := os.Open(file)
	if err != nil {
		return sum
	}
	defer f.Close()
	const piece = 1 << 20
	h := sha256.New()
	_, _ = io.CopyN(h, f, piece)
	if info, err := f.Stat(); err == nil && info.Size() > piece {
		_, _ = io.Copy(h, io.NewSectionReader(f, max(piece, info.Size()-piece), piece))
	}
	return [sha256.Size]byte(h.Sum(nil))
}
