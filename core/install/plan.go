package install

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// wanted is one package before it is there, and what it has to be.
type wanted struct {
	url      string                   // https: or oci:
	path     string                   // of a file or folder of this machine; empty where url counts
	sha256   string                   // of the archive; empty: whatever comes
	digest   string                   // of the package; same
	size     int64                    // of the archive; 0: unknown
	platform string                   // "linux/amd64/cuda12"; empty: whatever comes
	keys     []string                 // that the registry vouches for
	vouched  bool                     // keys count, and no others
	elder    *registry.Registry       // that has to know the key too; nil: nobody has
	named    string                   // address that the operator gave: what leads there may be in a private network
	locked   bool                     // the lock file names it by its hash
	variants map[string]LockedVariant // of the same version for all platforms, where they are known
}

// Open makes an Installer. Nothing is read yet.
func Open(c Config) (*Installer, error) {
	home, err := filepath.Abs(c.Home)
	if err != nil {
		return nil, err
	}
	if c.Downloads == nil || c.Probe == nil {
		return nil, errors.New("an installer needs downloads and a probe")
	}
	c.Home = home
	c.Unsigned = cmp.Or(c.Unsigned, WarnUnsigned)
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	if c.Machine == nil {
		c.Machine = registry.Probe
	}
	return &Installer{config: c}, nil
}

// Plan says what an install of a ref would do: NAME or PUBLISHER/NAME, either with
// @VERSION or @CONSTRAINT; oci://…; https://…; or the path of an archive or folder.
// It changes nothing. Of an address and a file it knows little before Fetch.
//
// Errors: [sdk.CodeInvalid] for a ref that is none, for what the policy does not
// allow, and for a plugin that is pinned; [sdk.CodeNotFound];
// [sdk.CodeUnsupported]: nothing of it fits this machine or this core, and why;
// [sdk.CodeUnavailable]: no registry could be asked.
func (i *Installer) Plan(ctx context.Context, text string, o Options) (*Plan, error) {
	r, err := readRef(text)
	if err != nil {
		return nil, err
	}
	switch r.kind {
	case byName:
		return i.planName(ctx, r, o, false)
	case byOCI:
		return i.planOCI(ctx, r, o)
	}
	if o.Variant != "" {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s is one package, of which there is nothing to choose; leave the variant out", web.Public(r.text))
	}
	if r.kind == byAddress {
		return i.planAddress(r, o)
	}
	return i.planPath(r, o)
}

func (i *Installer) planAddress(r ref, o Options) (*Plan, error) {
	u, err := url.Parse(r.address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s is no address of a package; it has a host and a path only, as in https://example.com/thing.tar.zst", web.Public(r.address))
	}
	p := &Plan{Source: r.address, URL: r.address, want: wanted{url: r.address}}
	if !o.Remote { // the person who runs the server names it
		p.want.named = r.address
	}
	return i.begin(o, p)
}

func (i *Installer) planPath(r ref, o Options) (*Plan, error) {
	if o.Remote {
		return nil, sdk.Errorf(sdk.CodeInvalid, "Over the API plugins come from registries, oci:// and https:// only; install a file with \"enginebay plugin install\" on the server's machine")
	}
	info, err := os.Stat(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, sdk.Errorf(sdk.CodeNotFound, "%s is not there", r.text)
	}
	if err != nil {
		return nil, err
	}
	p := &Plan{Source: sourceFile, URL: r.path, want: wanted{path: r.path}}
	if !info.IsDir() {
		p.Size = info.Size()
		return i.begin(o, p)
	}
	m, err := packages.ReadManifest(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s is no plugin: it has no %s", r.text, packages.ManifestFile)
	}
	if err != nil {
		return nil, err
	}
	p.Name, p.Version, p.Variant = m.Name, m.Version, cmp.Or(m.Variant, packages.DefaultVariant)
	return i.begin(o, p)
}

const sourceFile = "file" // Locked.Source of what is no address

// begin fills in what is known of every plan.
func (i *Installer) begin(o Options, p *Plan) (*Plan, error) {
	p.options = o
	if err := o.check(); err != nil {
		return nil, err
	}
	if p.Name == "" {
		return p, nil
	}
	b, err := readBook(i.config.Home)
	if err != nil {
		return nil, err
	}
	return p, p.compare(b)
}

// check refuses a key that is none: it would never count.
func (o Options) check() error {
	if o.Key == "" {
		return nil
	}
	if _, err := minisign.ParsePublicKey(o.Key); err != nil {
		return &sdk.Error{Code: sdk.CodeInvalid, Message: "The key cannot be read; it begins with RW, and stands in the publisher's .pub file", Cause: err}
	}
	return nil
}

// compare says what the plan is beside what is installed.
func (p *Plan) compare(b book) error {
	if err := b.clash(p.Name); err != nil {
		return err
	}
	t := b.Plugins[p.Name]
	if t == nil {
		p.Action = Install
		return nil
	}
	current := t.Editions[t.Current]
	p.Before = current.Version
	switch order := packages.CompareVersions(p.Version, current.Version); {
	case order > 0:
		p.Action = Upgrade
	case order < 0:
		p.Action = Downgrade
	case cmp.Or(p.Digest, p.want.digest) == t.Current:
		p.Action = Nothing
	default:
		p.Action = Replace
	}
	if t.Pinned && p.Action != Nothing {
		return sdk.Errorf(sdk.CodeInvalid, "%s is pinned to %s; let it go with \"enginebay plugin pin --off %s\" first", p.Name, current.Version, p.Name)
	}
	return nil
}

// clash refuses two plugins of one short name: models and deployments know only that.
func (b book) clash(name string) error {
	for other := range b.Plugins {
		if other != name && path.Base(other) == path.Base(name) {
			return sdk.Errorf(sdk.CodeInvalid, "%s is installed, and models call both %q; remove it first with \"enginebay plugin remove %s\"", other, path.Base(name), other)
		}
	}
	return nil
}

// Close removes what was fetched and not applied. It may be called twice.
func (p *Plan) Close() {
	if p.staging != nil {
		p.staging.drop()
		p.staging = nil
	}
}

// Trust says that the person said yes to a key: that of Signer, in its form "RW…".
func (p *Plan) Trust(key string) { p.options.Key = strings.TrimSpace(key) }
