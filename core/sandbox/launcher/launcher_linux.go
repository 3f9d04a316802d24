//go:build amd64 || arm64

// Package launcher is what a plugin's process does before it is the plugin: it takes
// away what the plugin did not ask for, and executes the plugin's program in its own
// place. It stands in the core's own program, which is started a second time for it.
//
// All happens while packages are initialised. Go initialises those first that need
// little, and this one needs syscall alone: the rest of the core (11 ms of it) never
// starts, and package os has not raised the limit of open files yet. For that, and because
// whatever goes wrong here would leave a plugin free, it is as small as can be: what is to
// be taken away was worked out by the parent, who hands over a ruleset of Landlock and a
// program for seccomp as they are.
package launcher

import (
	"encoding/base64"
	"strconv"
	"syscall"
	"unsafe"
)

// Variable of the environment has the [Orders]; the plugin does not see it.
const Variable = "ENGINEBAY_LAUNCHER"

// Orders are what a launcher is to do.
type Orders struct {
	Ruleset int    // descriptor; below 0 is none
	Proc    uint64 // Landlock's rights to the process's own folder in /proc; 0 is none
	Filter  []byte // instructions of seccomp; empty is none
	Kept    uint64 // capabilities that it keeps
	Program int    // descriptor of what is executed; below 0 it is executed by its path
	Path    string // absolute; what the program sees as its name
}

// String is the value of the variable.
func (o Orders) String() string {
	return strconv.Itoa(o.Ruleset) + " " + strconv.FormatUint(o.Proc, 10) + " " + base64.StdEncoding.EncodeToString(o.Filter) + " " +
		strconv.FormatUint(o.Kept, 10) + " " + strconv.Itoa(o.Program) + " " + o.Path
}

// read is the reverse of String. Its input is the parent's, and is well formed.
func read(text string) (o Orders, err error) {
	next := func() (word string) {
		for i := range len(text) {
			if text[i] == ' ' {
				word, text = text[:i], text[i+1:]
				return word
			}
		}
		return ""
	}
	number := func() int64 {
		n, wrong := strconv.ParseInt(next(), 10, 64)
		if wrong != nil {
			err = wrong
		}
		return n
	}
	o.Ruleset, o.Proc = int(number()), uint64(number())
	filter, wrong := base64.StdEncoding.DecodeString(next())
	o.Filter, o.Kept, o.Program, o.Path = filter, uint64(number()), int(number()), text
	if err == nil {
		err = wrong
	}
	return o, err
}

func init() {
	text, ok := syscall.Getenv(Variable)
	if !ok {
		return
	}
	// This is the process's first thread, which it has to be: the signal that comes at
	// the death of the parent is told to that alone, and Landlock and seccomp bind the
	// thread that asks for them.
	step, err := launch(text)
	_, _ = syscall.Write(2, []byte("enginebay: the plugin's process cannot "+step+": "+err.Error()+"\n"))
	syscall.Exit(126)
}

// launch returns only when something went wrong, and says at what.
func launch(text string) (step string, err error) {
	o, err := read(text)
	if err == nil {
		err = syscall.Unsetenv(Variable)
	}
	if err != nil {
		return "read its orders", err
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"drop capabilities", func() error { return dropCapabilities(o.Kept) }},
		{"be kept from new privileges", forbidPrivileges},
		{"be kept from core dumps", noCores},
		{"be confined by Landlock", func() error { return restrict(o.Ruleset, o.Proc) }},
		{"keep its program's file to itself", func() error { return closeOnExec(o.Program) }},
		{"be confined by seccomp", func() error { return filterCalls(o.Filter) }},
	} {
		if err := step.do(); err != nil {
			return step.what, err
		}
	}
	return "execute " + o.Path, o.execute()
}

// x/sys/unix has these; it is not initialised yet.
const (
	prSetNoNewPrivs = 38
	prSetSeccomp    = 22
	prCapBSetDrop   = 24
	seccompFilter   = 2

	sysLandlockAddRule      = 445 // on every architecture
	sysLandlockRestrictSelf = 446
	rulePathBeneath         = 1

	oPath       = 0o10000000
	atEmptyPath = 0x1000
)

func prctl(option, arg2, arg3 uintptr) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, option, arg2, arg3, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

func forbidPrivileges() error { return prctl(prSetNoNewPrivs, 1, 0) }

// noCores keeps what is in memory, keys among it, from the disk.
func noCores() error { return syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) }

// capability sets, as capset(2) takes them: two halves of 32 bits.
type capabilities [2]struct{ effective, permitted, inheritable uint32 }

// dropCapabilities leaves at most those that are kept. Only root has any.
func dropCapabilities(kept uint64) error {
	if syscall.Geteuid() != 0 {
		return nil
	}
	const lastCapability = 63
	for c := range uintptr(lastCapability + 1) {
		if kept&(1<<c) == 0 {
			if err := prctl(prCapBSetDrop, c, 0); err == syscall.EINVAL {
				break // this kernel has no more
			} else if err != nil {
				return err
			}
		}
	}
	header := struct {
		version uint32
		pid     int32
	}{version: 0x20080522}
	var have capabilities
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CAPGET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&have)), 0); errno != 0 {
		return errno
	}
	for half := range have {
		have[half].permitted &= uint32(kept >> (32 * half))
		have[half].effective &= have[half].permitted
		have[half].inheritable = 0
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&have)), 0); errno != 0 {
		return errno
	}
	return nil
}

// restrict puts the ruleset in force, to which files of its own folder in /proc are added:
// the parent did not know it yet.
func restrict(ruleset int, proc uint64) error {
	if ruleset < 0 {
		return nil
	}
	if proc != 0 {
		if err := ownProc(ruleset, proc); err != nil {
			return err
		}
	}
	if _, _, errno := syscall.RawSyscall(sysLandlockRestrictSelf, uintptr(ruleset), 0, 0); errno != 0 {
		return errno
	}
	return syscall.Close(ruleset)
}

// What a process reads of its own folder in /proc. Not net and task, in which are the
// paths of all sockets of the machine: those of other plugins, to which it could connect.
var (
	ownFolders = []string{"fd", "fdinfo"}
	ownFiles   = []string{"cgroup", "cmdline", "comm", "environ", "limits", "maps", "mountinfo", "mounts", "oom_score_adj", "smaps_rollup", "stat", "statm", "status"}
)

const readDir = 1 << 3 // the right of Landlock that files have not

func ownProc(ruleset int, rights uint64) error {
	for _, name := range ownFolders {
		if err := grantOwn(ruleset, rights, name); err != nil {
			return err
		}
	}
	for _, name := range ownFiles {
		if err := grantOwn(ruleset, rights&^readDir, name); err != nil {
			return err
		}
	}
	return nil
}

// grantOwn leaves what it grants open: the kernel forgets a file of /proc that nobody has
// open when it needs memory, and the rule with it.
func grantOwn(ruleset int, rights uint64, name string) error {
	fd, err := syscall.Open("/proc/self/"+name, oPath, 0)
	if err == syscall.ENOENT { // a machine without /proc
		return nil
	} else if err != nil {
		return err
	}
	rule := pathBeneath(rights, fd)
	_, _, errno := syscall.RawSyscall6(sysLandlockAddRule, uintptr(ruleset), rulePathBeneath, uintptr(unsafe.Pointer(&rule[0])), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// pathBeneath is the kernel's structure of a rule, which is packed.
func pathBeneath(rights uint64, fd int) [12]byte {
	var rule [12]byte
	*(*[8]byte)(rule[:8]) = *(*[8]byte)(unsafe.Pointer(&rights))
	number := int32(fd)
	*(*[4]byte)(rule[8:]) = *(*[4]byte)(unsafe.Pointer(&number))
	return rule
}

func filterCalls(filter []byte) error {
	const size = 8 // of an instruction
	if len(filter) < size {
		return nil
	}
	program := struct {
		length uint16
		filter *byte
	}{uint16(len(filter) / size), &filter[0]}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetSeccomp, seccompFilter, uintptr(unsafe.Pointer(&program)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func closeOnExec(fd int) error {
	if fd < 0 {
		return nil
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFD, syscall.FD_CLOEXEC); errno != 0 {
		return errno
	}
	return nil
}

// execute runs the file that is open, and no other that has taken its name meanwhile.
func (o Orders) execute() error {
	argv := []string{o.Path}
	if o.Program < 0 {
		return syscall.Exec(o.Path, argv, syscall.Environ())
	}
	arguments, err := syscall.SlicePtrFromStrings(argv)
	if err != nil {
		return err
	}
	environment, err := syscall.SlicePtrFromStrings(syscall.Environ())
	if err != nil {
		return err
	}
	var empty byte
	_, _, errno := syscall.RawSyscall6(sysExecveat, uintptr(o.Program), uintptr(unsafe.Pointer(&empty)),
		uintptr(unsafe.Pointer(&arguments[0])), uintptr(unsafe.Pointer(&environment[0])), atEmptyPath, 0)
	return errno
}
