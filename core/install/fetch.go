package install

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/sdk"
)

// Fetch brings a plan's package here and checks it: hashes, signature, and whether it
// is what was asked for and fits. From then on the plan says what the plugin asks
// for. It lies in a staging folder until Apply or Close. A second call does nothing.
//
// progress may be nil; it is called from one goroutine. Errors: those of
// download.Fetch; [sdk.CodeInvalid] for a package that is not what it has to be, by
// its bytes, its signature or its manifest; [sdk.CodeUnsupported] for one that is not
// for this machine or this core (the chain has a *packages.Incompatible).
func (i *Installer) Fetch(ctx context.Context, p *Plan, progress func(Progress)) error {
	if p.fetched {
		return nil
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	pkg, err := i.obtain(ctx, p, progress)
	if err == nil {
		err = i.examine(p, pkg)
	}
	if err != nil {
		p.Close()
		return err
	}
	p.fetched = true
	reached("checked")
	return nil
}

// obtain finds the package in the store, or brings it into a staging.
func (i *Installer) obtain(ctx context.Context, p *Plan, progress func(Progress)) (packages.Package, error) {
	if p.want.digest != "" && !p.options.Again {
		if pkg, err := packages.Open(treeDir(i.config.Home, p.want.digest)); err == nil && pkg.Digest == p.want.digest {
			p.dir, p.sha256 = treeDir(i.config.Home, p.want.digest), p.want.sha256
			return pkg, nil
		}
	}
	var err error
	if p.staging, err = stage(ctx, i.config.Home); err != nil {
		return packages.Package{}, err
	}
	p.dir = p.staging.dir
	reached("staging")
	if p.want.path == "" {
		return i.fromAddress(ctx, p, progress)
	}
	progress(Progress{Step: Verifying})
	if info, err := os.Stat(p.want.path); err == nil && info.IsDir() {
		return fromFolder(p)
	}
	return p.unpack(ctx, p.want.path)
}

func (i *Installer) fromAddress(ctx context.Context, p *Plan, progress func(Progress)) (packages.Package, error) {
	archive, leave, err := i.download(ctx, p.want, progress)
	if err != nil {
		return packages.Package{}, err
	}
	defer leave()
	reached("downloaded")
	progress(Progress{Step: Verifying})
	pkg, err := p.unpack(ctx, archive)
	keep := err == nil && p.options.Keep && p.want.sha256 != ""
	if !keep && (err == nil || sdk.CodeOf(err) == sdk.CodeInvalid) {
		_ = os.RemoveAll(filepath.Dir(archive)) // it is in the staging, or of no use
	}
	return pkg, err
}

// fromFolder copies a folder by the same way as all others come.
func fromFolder(p *Plan) (packages.Package, error) {
	pkg, err := packages.Copy(p.want.path, p.staging.dir)
	if err != nil {
		return pkg, &sdk.Error{Code: sdk.CodeInvalid, Message: p.want.path + " cannot be installed", Cause: err}
	}
	return pkg, nil
}

// unpack unpacks an archive into the staging.
func (p *Plan) unpack(ctx context.Context, file string) (packages.Package, error) {
	pkg, archive, err := packages.UnpackFile(ctx, file, p.staging.dir)
	var unread *fs.PathError
	switch {
	case ctx.Err() != nil:
		return pkg, &sdk.Error{Code: sdk.CodeCanceled, Message: "Unpacking was called off", Cause: ctx.Err()}
	case errors.As(err, &unread) && unread.Path == file:
		return pkg, &sdk.Error{Code: sdk.CodeNotFound, Message: file + " cannot be read", Cause: err}
	case err != nil:
		return pkg, &sdk.Error{Code: sdk.CodeInvalid, Message: fmt.Sprintf("What %s has is no package that can be installed", p.URL), Cause: err}
	case p.want.sha256 != "" && archive.SHA256 != p.want.sha256:
		return pkg, sdk.Errorf(sdk.CodeInvalid, "%s was changed: its SHA-256 is %s, and should be %s", p.URL, archive.SHA256, p.want.sha256)
	}
	p.sha256, p.Size = archive.SHA256, archive.Size
	return pkg, nil
}

// examine checks whether a package is the one that was asked for, and may be
// installed here.
func (i *Installer) examine(p *Plan, pkg packages.Package) error {
	p.Manifest, p.Digest, p.bytes = pkg.Manifest, pkg.Digest, pkg.Size
	platform := platformOf(pkg.Manifest)
	switch {
	case p.want.digest != "" && pkg.Digest != p.want.digest:
		return sdk.Errorf(sdk.CodeInvalid, "%s was changed: the package has the digest %s, and should have %s", p.URL, pkg.Digest, p.want.digest)
	case p.Name != "" && (pkg.Name != p.Name || pkg.Version != p.Version):
		return sdk.Errorf(sdk.CodeInvalid, "%s holds %s %s, where %s %s should be; nothing is installed", p.URL, pkg.Name, pkg.Version, p.Name, p.Version)
	case p.want.platform != "" && platform != p.want.platform:
		return sdk.Errorf(sdk.CodeInvalid, "%s holds the package for %s, where that for %s should be; nothing is installed", p.URL, platform, p.want.platform)
	}
	p.Name, p.Version, p.Variant = pkg.Name, pkg.Version, cmp.Or(pkg.Variant, packages.DefaultVariant)
	if err := pkg.Fits(i.config.Core); err != nil {
		return &sdk.Error{Code: sdk.CodeUnsupported, Message: "This package cannot run here", Cause: err}
	}
	if err := i.judge(p, pkg); err != nil {
		return err
	}
	if err := i.overshadow(p); err != nil {
		return err
	}
	return i.settle(p)
}

// settle compares the plan with what is installed and locked, now that it is known.
func (i *Installer) settle(p *Plan) error {
	b, err := readBook(i.config.Home)
	if err != nil {
		return err
	}
	lock, err := ReadLock(i.config.Home)
	if err != nil {
		return err
	}
	p.locked = p.lockedNow()
	if earlier := lock.Plugins[p.Name]; !p.want.locked {
		if platform := p.locked.differs(earlier); platform != "" && p.Source != sourceFile {
			return sdk.Errorf(sdk.CodeInvalid, "%s %s for %s is not the one that HOME/%s knows: somebody replaced it. If its publisher says so, forget the old one with \"enginebay plugin remove %s\" and install it again", p.Name, p.Version, platform, LockFile, p.Name)
		} else if platform == "" {
			p.locked = p.locked.with(earlier)
		}
	}
	return p.compare(b)
}

// lockedNow is what the lock file is to say of the plugin.
func (p *Plan) lockedNow() Locked {
	l := Locked{Version: p.Version, Constraint: p.constraint, Source: p.Source, Variants: p.want.variants}
	if l.Variants == nil {
		l.Variants = map[string]LockedVariant{platformOf(p.Manifest): {Digest: p.Digest, SHA256: p.sha256, URL: p.URL, Size: p.Size,
			Requires: p.Manifest.Requires}}
	}
	return l
}
