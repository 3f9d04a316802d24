package sandbox

import (
	"errors"
	"strings"
)

// A Mode says how a plugin is confined.
type Mode string

// The modes.
const (
	BestEffort Mode = "best-effort" // by all that the kernel can do
	Strict     Mode = "strict"      // not at all where the kernel cannot do all of it
	Off        Mode = "off"         // not at all
)

// A Network is what a process may reach beside the sockets of this machine's files.
type Network int

// The networks.
const (
	NoNetwork   Network = iota // unix sockets only
	FreeNetwork                // TCP and UDP, but no raw sockets
)

// A Policy is what a process may do, and all that it starts. What every program needs
// to run at all comes with it.
type Policy struct {
	Program string   // absolute path of what is executed
	SHA256  string   // that its file has to have, in hexadecimal digits; empty is any
	Read    []string // files and folders to read, and to execute programs of
	Data    []string // files and folders to read
	Write   []string // folders to read and write, never to execute of; no part of their paths may be a link
	GPU     bool     // its devices may be used, and what drivers need: shared memory, and all of /proc
	Network Network
	Strict  bool // refused where the kernel cannot do all of it
}

// Support is what the kernel of this machine can do.
type Support struct {
	Landlock int    // version of its interface; 0 is none
	Seccomp  bool   // filters of system calls
	Reason   string // why there is neither, where it is not for the kernel
}

// What Landlock can do by the version of its interface.
const (
	abiRefer    = 2
	abiTruncate = 3
	abiTCP      = 4
	abiDevices  = 5
	abiScopes   = 6
	abiSockets  = 9
)

// Missing says what of a policy cannot be enforced, in words for people; nil is all of
// it can.
func (s Support) Missing() []string {
	if s.Reason != "" {
		return []string{s.Reason}
	}
	var missing []string
	switch {
	case s.Landlock == 0:
		missing = append(missing, "files, signals and sockets of other programs (the kernel has no Landlock, or it is not switched on: lsm=landlock,… at boot)")
	case s.Landlock < abiScopes:
		missing = append(missing, "signals and abstract sockets of other programs (Landlock ABI 6, Linux 6.12)")
		if s.Landlock < abiTruncate {
			missing = append(missing, "the cutting off of files (Landlock ABI 3, Linux 6.2)")
		}
		if s.Landlock < abiDevices {
			missing = append(missing, "what is asked of devices (Landlock ABI 5, Linux 6.10)")
		}
	}
	if !s.Seccomp {
		missing = append(missing, "the network and dangerous system calls (the kernel has no seccomp filters)")
	}
	return missing
}

// Full says whether all of a policy can be enforced.
func (s Support) Full() bool { return len(s.Missing()) == 0 }

// Sockets says whether connections to sockets in the file system are restricted too. No
// policy asks for it, for few kernels can.
func (s Support) Sockets() bool { return s.Landlock >= abiSockets }

// Any says whether something of a policy can be enforced.
func (s Support) Any() bool { return s.Reason == "" && (s.Landlock > 0 || s.Seccomp) }

// ErrStrict is the error of a strict policy that cannot be enforced.
var ErrStrict = errors.New("the sandbox is strict")

// strictError says what this machine cannot do.
func strictError(s Support) error {
	return &unenforced{"this machine cannot restrict " + strings.Join(s.Missing(), ", nor ")}
}

type unenforced struct{ why string }

// ErrChanged is the error of a program that is not the one that was meant.
var ErrChanged = errors.New("the program was changed since it was installed; install the plugin again")

func (e *unenforced) Error() string { return e.why }
func (e *unenforced) Unwrap() error { return ErrStrict }
