package sdktest

import "os"

// kill ends one process as nothing that it does can prevent, and no other.
func kill(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}
