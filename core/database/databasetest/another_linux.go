package databasetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// nobody is the user that has nothing, on every Linux.
const nobody = 65534

// asAnother has a command run as another user where this one is root, which PostgreSQL
// refuses. It may go everywhere, as root may: the programs may lie in root's folder.
func asAnother(cmd *exec.Cmd, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	const dacOverride, dacReadSearch = 1, 2
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: nobody, Gid: nobody},
		AmbientCaps: []uintptr{dacOverride, dacReadSearch},
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, nobody, nobody)
	})
}
