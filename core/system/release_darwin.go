package system

import "syscall"

// release is the version of macOS.
func release() string {
	version, err := syscall.Sysctl("kern.osproductversion")
	if err != nil {
		return ""
	}
	return version
}
