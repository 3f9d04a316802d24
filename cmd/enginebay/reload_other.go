//go:build !unix

package main

import "os"

// notifyReload does nothing: there is no such signal here, and the file is followed.
func notifyReload(chan<- os.Signal) {}
