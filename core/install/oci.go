package install

import (
	"context"

	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// planOCI plans the install of an artifact: of the package in it, or of the one for
// this machine where it has several.
func (i *Installer) planOCI(ctx context.Context, r ref, o Options) (*Plan, error) {
	artifact, err := i.client().Resolve(ctx, r.address, !o.Remote)
	if err != nil {
		return nil, err
	}
	version := registry.Version{Protocol: artifact.Protocol, Core: artifact.Core, Variants: artifact.Variants}
	k := pick{ref: ref{name: artifact.Name, constraint: artifact.Version}, variant: o.Variant, core: i.config.Core, machine: i.config.Machine()}
	found, err := k.from(artifact.Name, registry.Plugin{Versions: map[string]registry.Version{artifact.Version: version}})
	if err != nil {
		return nil, err
	}
	v := found.choice.Chosen
	p := &Plan{Name: artifact.Name, Version: artifact.Version, Variant: v.Label(), Source: r.address, URL: v.URL, Size: v.Size, Choice: found.choice}
	p.want = wanted{url: v.URL, sha256: v.SHA256, digest: v.Digest, size: v.Size, platform: v.Platform(), variants: lockedVariants(artifact.Variants)}
	if found.choice.Warning != "" {
		p.warn("%s", found.choice.Warning)
	}
	if !o.Remote {
		p.want.named = r.address
	}
	if !fullName.MatchString(p.Name) {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s names its plugin %.100q, which is no name", r.address, p.Name)
	}
	return i.begin(o, p)
}
