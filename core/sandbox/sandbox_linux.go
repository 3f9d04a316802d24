//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"

	landlock "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"github.com/enginebay/enginebay/core/sandbox/launcher"
)

// Supported asks the kernel, once.
var Supported = sync.OnceValue(func() Support {
	abi, err := landlock.LandlockGetABIVersion()
	if err != nil {
		abi = 0
	}
	_, err = unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	return Support{Landlock: abi, Seccomp: err == nil}
})

// self is the core's own program, also where its file has been replaced.
const self = "/proc/self/exe"

// kept are the capabilities that a plugin of root's keeps: to read models of other
// users, to lock memory, to use more of it and of the processors.
const kept = 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER | 1<<unix.CAP_IPC_LOCK | 1<<unix.CAP_SYS_NICE | 1<<unix.CAP_SYS_RESOURCE

// A Start is how a confined process is started: Path in the place of the program, with
// Env over its environment and Files as its descriptors from 3 on. Close it when the process
// is started, or is not going to be.
type Start struct {
	Path  string
	Env   []string
	Files []*os.File
}

// Close closes the files.
func (s *Start) Close() {
	for _, f := range s.Files {
		f.Close()
	}
}

// Prepare makes a start of a policy. Its error wraps [ErrStrict] where the policy is
// strict and this machine cannot enforce it.
func Prepare(p Policy) (*Start, error) { return prepare(p, Supported()) }

func prepare(p Policy, support Support) (*Start, error) {
	if p.Strict && !support.Full() {
		return nil, strictError(support)
	}
	if p.GPU {
		loadModules()
	}
	s := &Start{Path: self}
	orders, err := s.orders(p, support)
	if err != nil {
		s.Close()
		return nil, err
	}
	s.Env = []string{launcher.Variable + "=" + orders.String()}
	return s, nil
}

func (s *Start) orders(p Policy, support Support) (o launcher.Orders, err error) {
	o = launcher.Orders{Ruleset: -1, Kept: kept, Path: p.Program}
	if support.Seccomp {
		if o.Filter, err = filter(p.Network); err != nil {
			return o, err
		}
	}
	if support.Landlock > 0 {
		rules, err := newRuleset(p, support.Landlock)
		if err != nil {
			return o, err
		}
		o.Ruleset, o.Proc = s.pass(os.NewFile(uintptr(rules.fd), "ruleset")), rules.proc()
	}
	o.Program, err = s.program(p)
	return o, err
}

// pass hands a file to the launcher, and returns the number that it has there.
func (s *Start) pass(f *os.File) int {
	const firstFree = 3
	s.Files = append(s.Files, f)
	return firstFree + len(s.Files) - 1
}

// program opens what is executed, and returns its number; below 0 it is a script, whose
// interpreter has to open it by its name.
func (s *Start) program(p Policy) (int, error) {
	f, err := os.Open(p.Program)
	if err != nil {
		return 0, err
	}
	script, err := isScript(f)
	if err == nil && p.SHA256 != "" {
		err = sums.check(f, p.SHA256)
	}
	if err != nil || script {
		f.Close()
		return -1, err
	}
	return s.pass(f), nil
}

func isScript(f *os.File) (bool, error) {
	var head [2]byte
	if _, err := f.ReadAt(head[:], 0); err != nil && err != io.EOF {
		return false, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return bytes.Equal(head[:], []byte("#!")), nil
}
