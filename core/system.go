package core

import "github.com/enginebay/enginebay/core/system"

// System is the machine as it is now. Its disk is the one that the models are on.
func (r *Runtime) System() system.System { return system.Read(r.store.Dir()) }
