package install

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// Apply does what a plan says: it fetches the package where Fetch has not yet,
// starts it once to compare it with its manifest, puts it into the store and makes
// it current. When it returns an error, what was current still is.
//
// Errors beside those of Fetch: [sdk.CodeInvalid] for a key that nobody said yes to
// (see [Signer]), and for a program that is not what its manifest says.
func (i *Installer) Apply(ctx context.Context, p *Plan, progress func(Progress)) (Result, error) {
	defer p.Close()
	if progress == nil {
		progress = func(Progress) {}
	}
	if err := i.Fetch(ctx, p, progress); err != nil {
		return Result{}, err
	}
	if p.Signer.New && !sameKey(p.options.Key, p.Signer.Key) {
		return Result{}, sdk.Errorf(sdk.CodeInvalid, "%s is signed with a key of %s that is not known here: %s. If it is right, say so with --key %s", p.Name, p.Signer.Publisher, p.Signer.KeyID, p.Signer.Key)
	}
	if p.staging != nil {
		if err := seal(p.staging.dir); err != nil {
			return Result{}, err
		}
	}
	reached("sealed")
	progress(Progress{Step: Trying})
	if err := i.config.Probe(ctx, p.dir, p.Manifest); err != nil {
		return Result{}, &sdk.Error{Code: cmp.Or(codeOf(err), sdk.CodeInvalid), Cause: err,
			Message: p.Name + " " + p.Version + " is not installed: it was tried"}
	}
	reached("tried")
	progress(Progress{Step: Switching})
	i.yield(p)
	return i.commit(ctx, p)
}

// yield drops the staging where the store has the same tree, whole: what runs may be
// running from that. One that came without the signature that there is now gives way.
func (i *Installer) yield(p *Plan) {
	if p.staging == nil {
		return
	}
	tree := treeDir(i.config.Home, p.Digest)
	if pkg, err := packages.Open(tree); err == nil && vouched(pkg, p.Digest, p.Signer.Key, nil) == nil {
		p.Close()
		p.dir = tree
	}
}

// codeOf is the code of an error that has one.
func codeOf(err error) sdk.Code {
	var coded *sdk.Error
	if errors.As(err, &coded) {
		return coded.Code
	}
	return ""
}

// commit makes the plan's package current.
func (i *Installer) commit(ctx context.Context, p *Plan) (Result, error) {
	var result Result
	err := change(ctx, i.config.Home, func(s *state) error {
		if err := p.compare(s.book); err != nil { // another process may have been faster
			return err
		}
		if err := p.stillTrusted(s.lock); err != nil { // same
			return err
		}
		if err := p.enter(s); err != nil {
			return err
		}
		reached("tree is in the store")
		p.record(s)
		s.follow(p.Name)
		s.trust(p)
		result = Result{Plugin: s.book.plugin(s.home, p.Name), Action: p.Action, Before: p.Before, Warnings: p.Warnings}
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	if p.Action == Install && p.Manifest.Is(sdk.KindEngine) {
		result.EngineFile, err = EngineFile(i.config.Home, p.Manifest.Short())
		if err != nil { // the plugin works without
			result.Warnings = append(result.Warnings, err.Error())
		}
	}
	i.config.Log.Info("plugin installed", "plugin", p.Name, "version", p.Version, "variant", p.Variant, "digest", p.Digest, "source", p.Source)
	return result, nil
}

// stillTrusted says whether the package's key counts by what the lock file says now.
func (p *Plan) stillTrusted(lock Lock) error {
	if p.Signer.Key == "" {
		return nil
	}
	return p.trust(lock.Publishers[p.Signer.Publisher])
}

// enter moves the tree into the store, under its digest. One of that name that is
// there is not whole, or the staging would have yielded to it: it gives way.
func (p *Plan) enter(s *state) error {
	tree := treeDir(s.home, p.Digest)
	if p.staging == nil {
		_, err := os.Stat(tree) // a sweep may have been faster
		return err
	}
	if _, err := os.Lstat(tree); err == nil {
		if err := s.discard(tree); err != nil {
			return err
		}
	}
	return os.Rename(p.staging.dir, tree)
}

// record writes the package into the book.
func (p *Plan) record(s *state) {
	t := s.book.Plugins[p.Name]
	if t == nil {
		t = &title{Editions: map[string]*edition{}}
		s.book.Plugins[p.Name] = t
	}
	installed := time.Now().UTC()
	if earlier := t.Editions[p.Digest]; earlier != nil {
		installed = earlier.Installed
		if p.Source == sourceFile && p.staging == nil { // the same files: upgrades come from where they do, and who vouched still does
			p.Signer.Key, p.locked = cmp.Or(p.Signer.Key, earlier.Key), earlier.Locked
		}
	}
	t.Editions[p.Digest] = &edition{Version: p.Version, Variant: p.Manifest.Variant, Wanted: p.options.Variant != "", Kinds: p.Manifest.Kinds, Key: p.Signer.Key,
		Size: p.bytes, Installed: installed, Locked: p.locked}
	t.switchTo(p.Digest)
	t.prune()
}

// prune forgets packages whose version was built anew since, but for the current one,
// the one before, and the one that a server may run yet.
func (t *title) prune() {
	seen := map[string]bool{}
	for _, digest := range t.newest() {
		e := t.Editions[digest]
		twin := e.Version + "/" + e.Variant
		if seen[twin] && digest != t.Current && digest != t.Previous && digest != t.Proven {
			delete(t.Editions, digest)
			delete(t.Refused, digest)
		}
		seen[twin] = true
	}
}

// trust pins the publisher's keys when one of them counts for the first time. Of a
// registry these are all that it names, so that a publisher can change over.
func (s *state) trust(p *Plan) {
	pinned := s.lock.Publishers[p.Signer.Publisher]
	if p.Signer.Key == "" || slices.Contains(pinned, p.Signer.Key) || p.want.locked && len(pinned) == 0 {
		return
	}
	if len(pinned) == 0 {
		for _, key := range p.want.keys {
			if !slices.Contains(pinned, key) {
				pinned = append(pinned, key)
			}
		}
	}
	if !slices.Contains(pinned, p.Signer.Key) {
		pinned = append(pinned, p.Signer.Key)
	}
	s.lock.Publishers[p.Signer.Publisher] = pinned
}

func platformOf(m packages.Manifest) string { return registry.VariantOf(m).Platform() }
