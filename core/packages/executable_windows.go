package packages

import (
	"io/fs"
	"strings"
)

// executable: Windows has no such bit, and what a package is built of on it may be
// run elsewhere.
func executable(path string, _ fs.FileMode) bool { return strings.HasPrefix(path, "bin/") }
