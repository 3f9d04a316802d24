package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/enginebay/enginebay/core/minisign"
	"github.com/enginebay/enginebay/sdk"
)

// A Publication is what a registry is to have from now on.
type Publication struct {
	Key        minisign.SecretKey   // of the registry
	Name       string               // of a registry that is not there yet
	Serial     int64                // of the first index of such a one; 0 is 1
	Archives   []string             // paths of packages, signed by their publishers
	Publishers map[string]Publisher // by publisher: what is known of it from now on, its keys beside those that are there
	Yank       map[string]string    // "enginebay/llamacpp@1.2.0": why nobody should install it; empty takes that back
	Lasts      time.Duration        // until the index expires; 0 is 90 days
}

// usual is how long an index counts: its registry must be signed again within.
const usual = 90 * 24 * time.Hour

// A Published is what came of a publication.
type Published struct {
	Index     Index
	New       bool     // there was no registry before
	Added     []string // "enginebay/llamacpp 1.2.0 linux/amd64/default"
	Unchanged []string // that were there
}

// A desk is where a registry is published.
type desk interface {
	place
	// put brings an archive there and says its address, as the index is to name it.
	put(ctx context.Context, p packed) (string, error)
	// sign replaces the index.
	sign(ctx context.Context, files signed) error
}

// Publish adds packages to a registry, in a folder or under an OCI tag, and signs its
// new index. Without packages it signs anew, which a registry needs before its index
// expires. A registry that is not there is made. In a folder one Publish at a time is
// at work, and others wait; under a tag the last one counts.
//
// [sdk.CodeInvalid]: the registry is signed by another key; a package is not signed by
// its publisher; a version that is there would change.
func (c *Client) Publish(ctx context.Context, target string, p Publication) (Published, error) {
	all, err := unpack(ctx, p.Archives)
	if err != nil {
		return Published{}, err
	}
	d, leave, err := c.desk(ctx, target)
	if err != nil {
		return Published{}, err
	}
	defer leave()
	w := &writing{client: c, desk: d, Publication: p, source: Source{Name: target, URL: target, Key: p.Key.Public().String()}}
	if err := w.begin(ctx); err != nil {
		return Published{}, err
	}
	for _, one := range all {
		if err := w.add(ctx, one); err != nil {
			return Published{}, err
		}
	}
	for name, reason := range p.Yank {
		if err := w.yank(name, reason); err != nil {
			return Published{}, err
		}
	}
	return w.Published, w.end(ctx)
}

func (c *Client) desk(ctx context.Context, target string) (desk, func(), error) {
	p, err := c.place(target)
	if err != nil {
		return nil, nil, err
	}
	switch d := p.(type) {
	case folder:
		leave, err := d.enter(ctx)
		return d, leave, err
	case *tag:
		return d, func() {}, nil
	}
	return nil, nil, sdk.Errorf(sdk.CodeInvalid, "Nothing can be published to %s; publish to the folder that the web server shows, or to oci://HOST/REPOSITORY:TAG", public(target))
}

// writing is a publication on its way.
type writing struct {
	Publication
	Published
	client *Client
	desk   desk
	source Source
}

// begin reads what is there; expired is as good as not.
func (w *writing) begin(ctx context.Context) error {
	r, err := w.client.read(ctx, w.source, w.desk)
	switch {
	case err == nil:
		w.Index = r.Index
	case sdk.CodeOf(err) == sdk.CodeNotFound && w.Publication.Name == "":
		return sdk.Errorf(sdk.CodeNotFound, "There is no registry in %s; to begin one, name it: --name NAME", public(w.source.URL))
	case sdk.CodeOf(err) == sdk.CodeNotFound:
		w.New, w.Index.Name, w.Index.Serial = true, w.Publication.Name, max(w.Publication.Serial-1, 0)
	default:
		return err
	}
	if w.Publication.Name != "" && w.Publication.Name != w.Index.Name {
		return sdk.Errorf(sdk.CodeInvalid, "The registry in %s is called %s; leave --name out, or choose another place", public(w.source.URL), w.Index.Name)
	}
	if w.Index.Publishers == nil {
		w.Index.Publishers = map[string]Publisher{}
	}
	if w.Index.Plugins == nil {
		w.Index.Plugins = map[string]Plugin{}
	}
	for name, more := range w.Publication.Publishers {
		w.Index.Publishers[name] = w.Index.Publishers[name].with(more)
	}
	return nil
}

// with is a publisher with what else is known of it.
func (p Publisher) with(more Publisher) Publisher {
	p.Name, p.Homepage = cmp.Or(more.Name, p.Name), cmp.Or(more.Homepage, p.Homepage)
	for _, key := range more.Keys {
		if !slices.Contains(p.Keys, key) {
			p.Keys = append(p.Keys, key)
		}
	}
	return p
}

// add takes a package in.
func (w *writing) add(ctx context.Context, p packed) error {
	if err := w.vouched(p); err != nil {
		return err
	}
	plugin := w.Index.Plugins[p.Name]
	if plugin.Versions == nil {
		plugin.Versions = map[string]Version{}
	}
	version, known := plugin.Versions[p.Version]
	label := p.Name + " " + p.Version + " " + VariantOf(p.Manifest).Platform()
	i := slices.IndexFunc(version.Variants, func(v Variant) bool { return v.Platform() == VariantOf(p.Manifest).Platform() })
	switch {
	case i >= 0 && version.Variants[i].Digest == p.Digest:
		w.Unchanged = append(w.Unchanged, label)
		return nil
	case i >= 0:
		return sdk.Errorf(sdk.CodeInvalid, "%s is published already with other files, and what is published does not change; give the plugin a new version", label)
	case known && (version.Core != p.Core || !slices.Equal(version.Protocol, p.Protocol)):
		return sdk.Errorf(sdk.CodeInvalid, "%s is for other versions of Engine Bay than the variants of %s that are published already", label, p.Version)
	}
	address, err := w.desk.put(ctx, p)
	if err != nil {
		return err
	}
	if !known {
		version = Version{Published: w.now(), Protocol: p.Protocol, Core: p.Core}
	}
	version.Variants = append(version.Variants, p.variant(address))
	slices.SortFunc(version.Variants, func(a, b Variant) int { return cmp.Compare(a.Platform(), b.Platform()) })
	plugin.Versions[p.Version] = version
	if p.Version == plugin.NewestFirst()[0] { // what people read is the newest version's
		plugin.Description, plugin.Kinds, plugin.Homepage, plugin.Licence = p.Description, p.Kinds, p.Homepage, p.Licence
	}
	w.Index.Plugins[p.Name] = plugin
	w.Added = append(w.Added, label)
	return nil
}

// vouched wants a signature by one of the publisher's keys.
func (w *writing) vouched(p packed) error {
	var keys []minisign.PublicKey
	for _, text := range w.Index.Publishers[p.Publisher()].Keys {
		key, err := minisign.ParsePublicKey(text)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	err := p.SignedBy(keys...)
	if err == nil {
		return nil
	}
	return &sdk.Error{Code: sdk.CodeInvalid, Cause: err, Message: fmt.Sprintf("%s is not signed by a key that this registry has for %s; give the registry the publisher's key: --publisher %s=KEY", p.path, p.Publisher(), p.Publisher())}
}

// yank says of a version that nobody should install it any more.
func (w *writing) yank(name, reason string) error {
	full, number, _ := strings.Cut(name, "@")
	version, ok := w.Index.Plugins[full].Versions[number]
	if !ok {
		return sdk.Errorf(sdk.CodeNotFound, "The registry has no %s; name a version as in enginebay/llamacpp@1.2.0", name)
	}
	version.Yanked = reason
	w.Index.Plugins[full].Versions[number] = version
	return nil
}

func (w *writing) now() time.Time { return w.client.Now().UTC().Truncate(time.Second) }

// end signs the new index, once it is one that a client takes.
func (w *writing) end(ctx context.Context) error {
	w.Index.Serial++
	w.Index.Created = w.now()
	w.Index.Expires = w.now().Add(cmp.Or(w.Lasts, usual))
	text, err := json.MarshalIndent(w.Index, "", "  ")
	if err != nil {
		return err
	}
	files := signed{index: append(text, '\n')}
	if files.signature, err = w.Key.Sign(files.index, fmt.Sprintf("enginebay registry %s %d", w.Index.Name, w.Index.Serial)); err != nil {
		return err
	}
	if _, err := w.client.open(w.source, w.desk, files); err != nil {
		return errors.Join(errors.New("the new index would be wrong, and was not written"), err)
	}
	return w.desk.sign(ctx, files)
}

// archivePath is where an archive lies in a folder.
func archivePath(p packed) string { return path.Join("packages", p.Name, p.FileName()) }
