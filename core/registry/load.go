package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// The files of a registry.
const (
	IndexFile     = "index.json"
	SignatureFile = "index.json.minisig"
)

// The bounds of what is read.
const (
	maxIndex     = 8 << 20 // bytes: some twenty thousand archives
	maxSignature = 4 << 10
	patience     = 60 * time.Second // for an index to come
)

// load reads the index of a source, or takes the kept one where it cannot be had, is
// older, or has expired. There may be both, a registry and an error that says why it
// is a kept one.
//
//	the index     unreachable, or older    signed by another key, or broken
//	a kept one    counts, with an error    does not count
//	none          an error                 an error
func (c *Client) load(ctx context.Context, s Source) (*Registry, error) {
	p, err := c.place(s.URL)
	if err != nil {
		return nil, err
	}
	fresh, err := c.fresh(ctx, s, p)
	c.keeping.Lock()
	defer c.keeping.Unlock()
	kept := c.kept(s, p)
	if err == nil && kept != nil {
		err = follows(fresh, kept)
	}
	var missing *absent
	switch {
	case err == nil:
		if err := c.keep(fresh); err != nil {
			c.Log.Warn("the index of a registry cannot be kept", "registry", s.Name, "error", err)
		}
		return fresh, nil
	case kept == nil || !errors.As(err, &missing) || ctx.Err() != nil:
		return nil, err
	}
	return kept, &sdk.Error{Code: sdk.CodeUnavailable, Cause: err,
		Message: fmt.Sprintf("Registry %s gives no new index, so the one of %s counts", s.Name, kept.Created.Format(time.DateOnly))}
}

// An absent index is one that cannot be had, or not a new one; a kept one may do.
type absent struct{ error }

func (a *absent) Unwrap() error { return a.error }

// fresh reads an index where it lies and checks it. The two files are read one after
// the other; where they do not fit, the registry was perhaps changed in between.
func (c *Client) fresh(ctx context.Context, s Source, p place) (*Registry, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := c.read(ctx, s, p)
	var unfit *mismatch
	if errors.As(err, &unfit) && ctx.Err() == nil {
		r, err = c.read(ctx, s, p)
	}
	return r, err
}

func (c *Client) read(ctx context.Context, s Source, p place) (*Registry, error) {
	var files signed
	var err error
	if files.index, err = p.read(ctx, IndexFile, maxIndex); err != nil {
		return nil, &absent{unread(s, err)}
	}
	files.signature, err = p.read(ctx, SignatureFile, maxSignature)
	if sdk.CodeOf(err) == sdk.CodeNotFound {
		return nil, sdk.Errorf(sdk.CodeInvalid, "The index of registry %s is not signed: there is no %s beside it; nothing of it is used", s.Name, SignatureFile)
	}
	if err != nil {
		return nil, &absent{unread(s, err)}
	}
	return c.open(s, p, files)
}

func unread(s Source, err error) error {
	return &sdk.Error{Code: sdk.CodeOf(err), Message: fmt.Sprintf("The index of registry %s cannot be read from %s", s.Name, public(s.URL)), Cause: err}
}

// A mismatch is an index with another signature than its own.
type mismatch struct{ error }

func (m *mismatch) Unwrap() error { return m.error }

// open checks signature and form of an index.
func (c *Client) open(s Source, p place, files signed) (*Registry, error) {
	key, err := minisign.ParsePublicKey(s.Key)
	if err != nil {
		return nil, err
	}
	if _, err := key.Verify(files.index, files.signature); err != nil {
		return nil, &mismatch{&sdk.Error{Code: sdk.CodeInvalid, Cause: err,
			Message: fmt.Sprintf("The index of registry %s is not signed by the key that was given for it, and nothing of it is used; if the registry has a new key, ask who runs it, then remove and add the registry", s.Name)}}
	}
	r := &Registry{Source: s, place: p, files: files}
	if err := schemas.DecodeLarge(schemas.Index(), IndexFile, files.index, maxIndex, &r.Index); err != nil {
		return nil, &sdk.Error{Code: sdk.CodeInvalid, Message: fmt.Sprintf("The index of registry %s cannot be understood", s.Name), Cause: err}
	}
	if err := schemas.Printable(r.Index); err != nil {
		return nil, &sdk.Error{Code: sdk.CodeInvalid, Message: fmt.Sprintf("The index of registry %s is nothing to show anybody", s.Name), Cause: err}
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	r.Expired = !c.Now().Before(r.Expires)
	return r, nil
}

// check looks at what the schema does not say.
func (r *Registry) check() error {
	for name, plugin := range r.Plugins {
		for number, version := range plugin.Versions {
			seen := map[string]bool{}
			for _, v := range version.Variants {
				_, err := r.Address(v)
				if err == nil && seen[v.Platform()] {
					err = errors.New("there are two")
				}
				if err != nil {
					return &sdk.Error{Code: sdk.CodeInvalid, Cause: err,
						Message: fmt.Sprintf("The index of registry %s is wrong about %s %s (%s), and nothing of it is used", r.Source.Name, name, number, v.Platform())}
				}
				seen[v.Platform()] = true
			}
		}
	}
	return nil
}

// follows says whether an index may come after the kept one.
func follows(fresh, kept *Registry) error {
	switch {
	case fresh.Index.Name != kept.Index.Name:
		return sdk.Errorf(sdk.CodeInvalid, "Registry %s has the index of another one: it was %q before and is %q now; nothing of it is used; if that is right, remove and add the registry",
			fresh.Source.Name, kept.Index.Name, fresh.Index.Name)
	case fresh.Serial < kept.Serial:
		return &absent{sdk.Errorf(sdk.CodeInvalid, "Registry %s has an older index than before: serial %d, after %d", fresh.Source.Name, fresh.Serial, kept.Serial)}
	case fresh.Serial == kept.Serial && !bytes.Equal(fresh.files.index, kept.files.index):
		return sdk.Errorf(sdk.CodeInvalid, "Registry %s has another index than before under the same serial %d; nothing of it is used; whoever runs it must sign a new one", fresh.Source.Name, fresh.Serial)
	}
	return nil
}
