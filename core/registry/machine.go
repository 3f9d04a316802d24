package registry

import (
	"runtime"

	"github.com/enginebay/enginebay/core/system"
)

// A Machine is what a variant may ask for.
type Machine struct {
	OS           string            `json:"os"`   // as Go names it
	Arch         string            `json:"arch"` // as Go names it
	CPU          []string          `json:"cpu"`  // instructions, as Linux names them: "avx2"
	Glibc        string            `json:"glibc,omitempty"`
	Accelerators map[string]string `json:"accelerators"` // version of the driver by kind ("cuda"); empty where it is not known
}

// Probe looks at this machine. It takes some milliseconds, and up to three seconds
// where a GPU does not answer.
func Probe() Machine {
	return Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: system.Instructions(), Glibc: system.Glibc(), Accelerators: system.Accelerators()}
}
