package minisign

// Cost is scrypt's; Limits are those of our own keys.
var (
	Cost   = cost
	Limits = [2]uint64{opsLimit, memLimit}
)

func init() { opsLimit, memLimit = 1<<16, 1<<21 } // the race detector makes it slow
