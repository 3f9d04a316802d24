//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Where the kernel's struct seccomp_data has what a filter looks at. Both machines
// that are known here are little-endian.
const (
	dataCall = 0
	dataArch = 4
	dataArgs = 16 // six of eight bytes
)

// What a filter answers.
var (
	allow = bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	kill  = bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS}
)

func refuse(errno unix.Errno) bpf.Instruction {
	return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(errno)}
}

// forbidden are the calls that no plugin makes: they look into other processes, change
// the machine, or are doors to large parts of the kernel that had many faults.
var forbidden = append([]uint32{
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KCMP, unix.SYS_PIDFD_GETFD, unix.SYS_PROCESS_MADVISE,
	unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES,
	unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_FANOTIFY_INIT, unix.SYS_LOOKUP_DCOOKIE,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN,
	unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD,
	unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT,
	unix.SYS_SETNS, unix.SYS_UNSHARE,
	unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_REBOOT,
	unix.SYS_ACCT, unix.SYS_SYSLOG, unix.SYS_VHANGUP, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
}, forbiddenHere...)

// absent are the calls that programs can do without, and fall back where the kernel has
// none of them. (Of clone3 a filter cannot see the arguments.)
var absent = []uint32{unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, unix.SYS_CLONE3}

// namespaces are the flags of clone that make new ones, in which a process is its own root.
const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// socketKind is the part of socket's second argument that is no flag.
const socketKind = 0xf

// filter is the program for the kernel, in its binary form.
func filter(network Network) ([]byte, error) {
	raw, err := bpf.Assemble(instructions(network))
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, i := range raw {
		out = binary.LittleEndian.AppendUint16(out, i.Op)
		out = append(out, i.Jt, i.Jf)
		out = binary.LittleEndian.AppendUint32(out, i.K)
	}
	return out, nil
}

type code = []bpf.Instruction

func instructions(network Network) code {
	p := slices.Concat(
		code{word(dataArch), bpf.JumpIf{Cond: bpf.JumpEqual, Val: thisArch, SkipTrue: 1}, kill}, // a program of another machine has other numbers
		code{word(dataCall)}, otherNumbers)
	for _, call := range forbidden {
		p = append(p, when(call, code{refuse(unix.EPERM)})...)
	}
	for _, call := range absent {
		p = append(p, when(call, code{refuse(unix.ENOSYS)})...)
	}
	return slices.Concat(p,
		when(unix.SYS_CLONE, code{argument(0), bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: namespaces, SkipFalse: 1}, refuse(unix.EPERM), allow}),
		when(unix.SYS_PRLIMIT64, slices.Concat(oneOf(argument(0), 0), code{refuse(unix.EPERM)})), // of other processes
		when(unix.SYS_IOCTL, slices.Concat(keystrokes, code{allow})),
		when(unix.SYS_SOCKETPAIR, slices.Concat(oneOf(argument(0), unix.AF_UNIX), code{refuse(unix.EAFNOSUPPORT)})),
		when(unix.SYS_SOCKET, sockets(network)),
		code{allow})
}

// keystrokes refuses to type in the place of whoever sits at a terminal.
var keystrokes = slices.Concat(
	code{argument(1)}, is(unix.TIOCSTI, code{refuse(unix.EPERM)}), is(unix.TIOCLINUX, code{refuse(unix.EPERM)}))

// sockets decides on a call of socket, to the end.
func sockets(network Network) code {
	p := oneOf(argument(0), unix.AF_UNIX)
	if network == FreeNetwork {
		internet := slices.Concat(code{argument(1), bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: socketKind}},
			is(unix.SOCK_STREAM, code{allow}), is(unix.SOCK_DGRAM, code{allow}), code{refuse(unix.EPERM)}) // others are raw
		addresses := slices.Concat(oneOf(argument(2), unix.NETLINK_ROUTE), code{refuse(unix.EAFNOSUPPORT)}) // of this machine
		p = slices.Concat(p, is(unix.AF_INET, internet), is(unix.AF_INET6, internet), is(unix.AF_NETLINK, addresses))
	}
	return append(p, refuse(unix.EAFNOSUPPORT))
}

// word loads 32 bits of what the filter is given.
func word(at int) bpf.Instruction { return bpf.LoadAbsolute{Off: uint32(at), Size: 4} }

// argument loads the lower half of an argument; the kernel takes no more of those that
// are looked at here.
func argument(n int) bpf.Instruction { return word(dataArgs + 8*n) }

// is does something where what was loaded last is a value, and goes on where it is not.
func is(value uint32, does code) code {
	return append(code{bpf.JumpIf{Cond: bpf.JumpEqual, Val: value, SkipFalse: uint8(len(does))}}, does...)
}

// when decides on one call; what it does has to end.
func when(call uint32, does code) code { return is(call, does) }

// oneOf allows some values of what is loaded.
func oneOf(load bpf.Instruction, values ...uint32) code {
	p := code{load}
	for _, value := range values {
		p = append(p, is(value, code{allow})...)
	}
	return p
}
