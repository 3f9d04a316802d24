package sandbox

import "golang.org/x/sys/unix"

const thisArch = unix.AUDIT_ARCH_AARCH64

var (
	otherNumbers  code // there are none
	forbiddenHere []uint32
)
