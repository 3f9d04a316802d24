//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	landlock "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Rights to files, of which those are taken that the kernel knows.
const (
	look    = landlock.AccessFSReadFile | landlock.AccessFSReadDir
	run     = look | landlock.AccessFSExecute
	change  = landlock.AccessFSWriteFile | landlock.AccessFSTruncate | landlock.AccessFSRemoveDir | landlock.AccessFSRemoveFile | landlock.AccessFSMakeDir | landlock.AccessFSMakeReg | landlock.AccessFSMakeSock | landlock.AccessFSMakeFifo | landlock.AccessFSMakeSym | landlock.AccessFSRefer
	call    = landlock.AccessFSResolveUnix // to programs that listen on sockets there
	device  = landlock.AccessFSReadFile | landlock.AccessFSReadDir | landlock.AccessFSWriteFile | landlock.AccessFSTruncate | landlock.AccessFSIoctlDev
	ofFiles = landlock.AccessFSReadFile | landlock.AccessFSWriteFile | landlock.AccessFSTruncate | landlock.AccessFSExecute | landlock.AccessFSIoctlDev
)

// rights are all that Landlock can take away in a version of its interface.
func rights(abi int) (files, network, scopes uint64) {
	files = landlock.AccessFSMakeSym<<1 - 1
	for _, later := range []struct {
		abi   int
		right uint64
	}{{abiRefer, landlock.AccessFSRefer}, {abiTruncate, landlock.AccessFSTruncate}, {abiDevices, landlock.AccessFSIoctlDev}, {abiSockets, landlock.AccessFSResolveUnix}} {
		if abi >= later.abi {
			files |= later.right
		}
	}
	if abi >= abiTCP {
		network = landlock.AccessNetBindTCP | landlock.AccessNetConnectTCP
	}
	if abi >= abiScopes {
		scopes = landlock.ScopeAbstractUnixSocket | landlock.ScopeSignal
	}
	return files, network, scopes
}

// A ruleset is what Landlock shall allow. It binds nobody until a process asks for it,
// which the launcher does. (Of go-landlock it is the lower half: the upper one makes a
// ruleset only for the process that it is in.)
type ruleset struct {
	fd    int
	files uint64 // rights that it deals with
	err   error
}

func newRuleset(p Policy, abi int) (*ruleset, error) {
	files, network, scopes := rights(abi)
	if p.Network == FreeNetwork {
		network = 0
	}
	fd, err := landlock.LandlockCreateRuleset(&landlock.RulesetAttr{HandledAccessFS: files, HandledAccessNet: network, Scoped: scopes}, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "make a ruleset of Landlock", Err: err}
	}
	r := &ruleset{fd: fd, files: files}
	r.system(p)
	r.allow(run, p.Read...)
	r.allow(run, p.Program)
	r.allow(look, p.Data...)
	for _, folder := range p.Write {
		r.note(r.addPlain(look|change|call, folder))
	}
	if r.err != nil {
		unix.Close(fd)
		return nil, r.err
	}
	return r, nil
}

// allow grants rights to folders and all that is below them, and to files. What is not
// there is left out.
func (r *ruleset) allow(rights uint64, paths ...string) {
	for _, path := range paths {
		r.note(r.add(rights, path))
	}
}

// note keeps the first error that is more than that something is not there.
func (r *ruleset) note(err error) {
	if err != nil && r.err == nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		r.err = err
	}
}

func (r *ruleset) add(rights uint64, path string) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	return r.rule(rights, path, fd, err)
}

// addPlain is add without links: where a process may write it could lay one that leads
// elsewhere, and have that granted to the next process.
func (r *ruleset) addPlain(rights uint64, path string) error {
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS})
	return r.rule(rights, path, fd, err)
}

// rule grants rights to what is open, and closes it.
func (r *ruleset) rule(rights uint64, path string, fd int, err error) error {
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= ofFiles | call
	}
	if rights &= r.files; rights == 0 {
		return nil
	}
	if err := landlock.LandlockAddPathBeneathRule(r.fd, &landlock.PathBeneathAttr{AllowedAccess: rights, ParentFd: fd}, 0); err != nil {
		return &fs.PathError{Op: "make a rule of Landlock for", Path: path, Err: err}
	}
	return nil
}

// proc are the rights to a process's own folder in /proc.
func (r *ruleset) proc() uint64 { return (look | landlock.AccessFSWriteFile) & r.files }

// system grants what every program needs.
func (r *ruleset) system(p Policy) {
	r.allow(run, programs...)
	r.allow(look, public...)
	r.allow(look, etc()...)
	r.allow(look|landlock.AccessFSWriteFile|landlock.AccessFSTruncate, "/dev/null", "/dev/zero", "/dev/full")
	r.allow(look, "/dev/random", "/dev/urandom")
	if p.Network == FreeNetwork {
		r.allow(look|call, "/run/systemd/resolve", "/run/nscd", "/var/run/nscd", "/run/resolvconf", "/run/NetworkManager/resolv.conf")
	}
	if p.GPU {
		r.allow(device, gpuDevices()...)
		r.allow(look|change, "/dev/shm")
		r.allow(look|call, "/run/nvidia-persistenced")
		r.allow(look, "/proc")
	}
}

// programs are folders of programs and libraries that belong to nobody.
var programs = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store", "/opt/rocm", "/opt/cuda", "/opt/intel", "/run/opengl-driver"}

// public are what the kernel tells of the machine, but for other processes.
var public = []string{
	"/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/uptime", "/proc/version", "/proc/filesystems", "/proc/devices", "/proc/modules", "/proc/sys", "/proc/driver", "/proc/pressure",
	"/sys/devices", "/sys/class", "/sys/bus", "/sys/dev", "/sys/module", "/sys/fs/cgroup", "/sys/kernel/mm", "/sys/kernel/iommu_groups",
}

// etc is what is public of /etc. For all but root that is what can be read there; the
// folder as a whole stays right when a file in it is replaced, as resolv.conf is with
// every other network.
func etc() []string {
	if os.Geteuid() != 0 {
		return []string{"/etc"}
	}
	return within("/etc", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload", "ssl/certs", "ssl/cert.pem", "ssl/openssl.cnf", "ca-certificates", "ca-certificates.conf", "pki/tls/certs", "pki/tls/cert.pem",
		"pki/tls/openssl.cnf", "pki/ca-trust/extracted", "crypto-policies", "resolv.conf", "hosts", "host.conf", "nsswitch.conf", "gai.conf", "services", "protocols", "networks", "passwd", "group", "localtime", "timezone",
		"os-release", "locale.alias", "locale.conf", "mime.types", "python3", "vulkan", "OpenCL", "glvnd", "drirc", "nvidia", "fonts", "openmpi", "alternatives")
}

func within(folder string, names ...string) []string {
	all := slices.Clone(names)
	for i, name := range all {
		all[i] = filepath.Join(folder, name)
	}
	return all
}

// gpuDevices are the nodes of graphics cards that there are.
func gpuDevices() []string {
	nvidia, _ := filepath.Glob("/dev/nvidia*") // the pattern is right
	return append(nvidia, "/dev/dri", "/dev/kfd", "/dev/dxg")
}
