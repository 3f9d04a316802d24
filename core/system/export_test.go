package system

import (
	"io/fs"
	"time"
)

// NewMachine is one whose kernel shows these files, and whose nvidia-smi may take so long.
func NewMachine(root fs.FS, limit time.Duration) *machine {
	return &machine{root: root, smi: smi{limit: limit}}
}
