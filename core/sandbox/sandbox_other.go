//go:build !linux || (!amd64 && !arm64)

package sandbox

import (
	"os"
	"runtime"
)

// Supported says that there is no sandbox here.
func Supported() Support {
	return Support{Reason: "anything: plugins are confined on Linux only (amd64 and arm64), and this is " + runtime.GOOS + "/" + runtime.GOARCH}
}

// A Start is how a confined process is started.
type Start struct {
	Path  string
	Env   []string
	Files []*os.File
}

// Close does nothing here.
func (s *Start) Close() {}

// Prepare refuses a strict policy, and starts every other as it is.
func Prepare(p Policy) (*Start, error) {
	if p.Strict {
		return nil, strictError(Supported())
	}
	return &Start{Path: p.Program}, nil
}
