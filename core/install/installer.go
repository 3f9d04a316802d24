package install

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// A Policy says what becomes of packages that nobody signed.
type Policy string

// The policies, as enginebay.yaml names them under unsigned_plugins.
const (
	WarnUnsigned   Policy = "warn"   // those of files and folders are installed with a warning
	RefuseUnsigned Policy = "refuse" // none is
)

// Config says what an Installer works with.
type Config struct {
	Home      string                 // absolute
	Core      string                 // version of this core
	Downloads func() download.Config // how archives are fetched, now
	Unsigned  Policy                 // empty is WarnUnsigned
	Log       hclog.Logger           // nil: nobody reads it

	// Beside are the manifests of the plugins that the host finds, installed or not:
	// what would be taken from them is told. nil: there are none.
	Beside func() []packages.Manifest

	// Machine says what this machine has; nil: it is looked at.
	Machine func() registry.Machine

	// Probe starts the package in a folder and says how it differs from its manifest
	// (see pluginhost.Host.Probe). Nothing is installed without.
	Probe func(ctx context.Context, dir string, m packages.Manifest) error

	now func() time.Time // nil: the machine's
}

// Options say how something is installed. The zero value is what a person means who
// says no more.
type Options struct {
	Variant string // this one, in place of the one that fits the machine best
	Key     string // "RW…": the person trusts this key for the publisher from now on
	Remote  bool   // on behalf of somebody elsewhere: nothing of this machine's files, nothing unsigned
	Again   bool   // also where the same package is current: its tree is made new
	Keep    bool   // a fetched archive stays for who installs it later, where its hash is known
}

// A Plan is what an install or upgrade would do. Nothing has changed yet. It has to be
// closed. It is for one goroutine at a time.
type Plan struct {
	Name     string // full; empty for a file or an address before Fetch
	Version  string // same
	Variant  string // "default" where the package names none; same
	Source   string // name of a registry, "oci://…", "https://…", or "file"
	URL      string // of the package: an address, or a path
	Size     int64  // of the archive, in bytes; 0 where it is not known
	Action   string // one of the Actions; as far as it is known
	Before   string // version that is current now; empty where none is
	Choice   registry.Choice
	Passed   []Passed // newer versions that are not taken, newest first
	Warnings []string // sentences for the person

	// From Fetch on:
	Manifest packages.Manifest // with the permissions that the plugin asks for
	Digest   string
	Signer   Signer

	options    Options
	constraint string // what was asked for
	beyond     string // sentence of a newer version that it does not allow
	want       wanted
	staging    *staging
	dir        string // where the package lies, once fetched
	sha256     string // of the archive that it came in
	bytes      int64  // of its files
	locked     Locked // what the lock file is to say
	fetched    bool
}

// The Actions of a plan.
const (
	Install   = "install"   // no version is there
	Upgrade   = "upgrade"   // to a newer one
	Downgrade = "downgrade" // to an older one
	Replace   = "replace"   // by another package of the same version
	Nothing   = "nothing"   // this very package is current
)

// A Passed is a version that was not taken.
type Passed struct {
	Version string `json:"version"`
	Reason  string `json:"reason"` // "is yanked: it loses settings"
}

// A Signer is who signed a package.
type Signer struct {
	Publisher string `json:"publisher"`
	Key       string `json:"key,omitempty"`    // "RW…"; empty: nobody signed
	KeyID     string `json:"key_id,omitempty"` // the key's short form for people
	// New says that nothing vouches for the key yet but the package itself: show the
	// person Key, and call Plan.Trust after a yes. Apply refuses it otherwise.
	New bool `json:"new,omitempty"`
}

// Progress is how far a Fetch or Apply is.
type Progress struct {
	Step  string // one of the Steps
	Done  int64  // bytes of the archive, while downloading
	Total int64  // 0: unknown
	Speed float64
	ETA   time.Duration // < 0: unknown
}

// The Steps.
const (
	Downloading = "downloading"
	Verifying   = "verifying"
	Trying      = "trying"    // the probe run
	Switching   = "switching" // and writing down
)

// A Result is what an Apply did.
type Result struct {
	Plugin     Plugin
	Action     string
	Before     string   // version that was current; empty where none was
	EngineFile string   // the engines/ID.json that was made; empty where none was
	Warnings   []string // those of the plan, and more
}

// A Plugin is one that is installed, with all its versions.
type Plugin struct {
	Name       string     `json:"name"` // full
	Kinds      []sdk.Kind `json:"kinds"`
	Current    string     `json:"current"`
	Previous   string     `json:"previous,omitempty"` // what Rollback goes back to
	Pinned     bool       `json:"pinned"`
	Constraint string     `json:"constraint,omitempty"` // what upgrades keep to
	Source     string     `json:"source"`               // of the current version
	Versions   []Version  `json:"versions"`             // newest first
}

// A Version is one that is in the store.
type Version struct {
	Version   string    `json:"version"`
	Variant   string    `json:"variant"`
	Digest    string    `json:"digest"`
	Dir       string    `json:"dir"`
	Source    string    `json:"source"`
	Key       string    `json:"key,omitempty"` // that signed it; empty: nobody did
	Size      int64     `json:"size"`          // of its files, in bytes
	Installed time.Time `json:"installed"`
	Current   bool      `json:"current,omitempty"`
	Previous  bool      `json:"previous,omitempty"`
	Refused   string    `json:"refused,omitempty"` // why it did not come up here
}

// An Installer installs plugins into a home folder. Its methods may be called
// concurrently, also by several processes.
type Installer struct {
	config Config
}
