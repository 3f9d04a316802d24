package core

import (
	"errors"

	"github.com/hashicorp/go-hclog"
)

// ErrSwitchedOff is the Err of a deployment whose file says that it is not used.
var ErrSwitchedOff = errors.New(`it is switched off ("enabled": false)`)

// ReadDeployment reads a file engines/ID.json without a Runtime. Its Err says why
// it cannot be used; the settings are for its plugin to judge.
func ReadDeployment(file string) Deployment {
	return (&Runtime{log: hclog.NewNullLogger()}).readDeployment(file)
}
