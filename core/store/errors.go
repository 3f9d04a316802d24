package store

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/enginebay/enginebay/sdk"
)

// ErrConflict is the cause of an error where what was asked goes against what is
// there: an id that is taken, weights that would be lost. The code is
// [sdk.CodeInvalid].
var ErrConflict = errors.New("conflict")

// Conflict makes an error whose cause is [ErrConflict].
func Conflict(format string, args ...any) error {
	return &sdk.Error{Code: sdk.CodeInvalid, Message: fmt.Sprintf(format, args...), Cause: ErrConflict}
}

// failed is what a user is told when the disk does not let a file be written or
// removed. That it is only read, or another's, is a conflict.
func (s *Store) failed(file, what string, err error) error {
	code := sdk.CodeInternal
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return Conflict("%s cannot be %s: %v", s.show(file), what, unwrapped(err))
	case errors.Is(err, syscall.ENOSPC):
		code = sdk.CodeExhausted
	}
	return sdk.Errorf(code, "%s cannot be %s: %v", s.show(file), what, unwrapped(err))
}
