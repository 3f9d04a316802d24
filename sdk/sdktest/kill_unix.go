//go:build unix

package sdktest

import "syscall"

// kill ends one process as nothing that it does can prevent, and no other.
func kill(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }
