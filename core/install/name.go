package install

import "regexp"

var (
	fullName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*$`)
	sum256   = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func isHex(sum string) bool { return sum256.MatchString(sum) }
