//go:build !linux

package download

import (
	"errors"
	"os"
)

// clone is not tried here.
func clone(_, _ *os.File) error { return errors.ErrUnsupported }
