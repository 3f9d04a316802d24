package download

import "os"

// lock is not needed: what is open here is removed and renamed by nobody.
func lock(*os.File) bool { return true }
