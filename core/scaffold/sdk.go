package scaffold

import (
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
)

// SDKModule is the Go module that a plugin imports the SDK from.
const SDKModule = "github.com/enginebay/enginebay"

// An SDK is where a repository gets the SDK from.
type SDK struct {
	Version string // of the module, such as "v1.2.0"
	Dir     string // of a checkout that stands in for it; empty where Version can be had
}

// noVersion is what Go writes for a module that a replace stands in for.
const noVersion = "v0.0.0-00010101000000-000000000000"

// Checkout is the SDK in a folder, an absolute path.
func Checkout(dir string) SDK { return SDK{Version: noVersion, Dir: dir} }

// IsCheckout says whether a folder holds the SDK's module.
func IsCheckout(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && modfile.ModulePath(text) == SDKModule
}

// Release is what a CI installs enginebay by.
func (s SDK) Release() string {
	if s.Dir != "" {
		return "latest"
	}
	return s.Version
}

// Path is the checkout's folder as go.mod wants it.
func (s SDK) Path() string { return modfile.AutoQuote(filepath.ToSlash(s.Dir)) }
