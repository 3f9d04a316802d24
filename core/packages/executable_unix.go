//go:build unix

package packages

import "io/fs"

func executable(_ string, mode fs.FileMode) bool { return mode&0o111 != 0 }
