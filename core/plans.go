package core

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
	"github.com/enginebay/enginebay/sdk/web"
)

// A PullRequest names a source, and what is wanted of it.
type PullRequest struct {
	Ref           sdk.Ref
	ID            string         // of the model; empty: as the source suggests
	Variant       string         // name, quantization or file name of one; empty: what the ref names, else the one that suits this machine
	Importer      string         // id of the importer; empty: the one that claims the ref
	Mode          string         // of a local source: "link" (also where it is empty), "copy" or "move"
	CatalogueOnly bool           // only model files are made, and nothing is downloaded
	Overlay       map[string]any // a merge patch (RFC 7386) of the manifest of each variant
}

// Plans are what a ref can become.
type Plans struct {
	Importer string // id; empty for what the core reads itself
	Variants []Variant
}

// A Variant is a model about to exist, or one that is there already.
type Variant struct {
	sdk.Plan
	Name    string // of the variant; empty where there is but one
	ID      string
	Ref     sdk.Ref // of this variant alone; only of what lies on this machine
	Size    int64   // bytes to download; 0 where unknown
	Memory  uint64  // bytes that it takes when loaded, an estimate; 0 where unknown
	Fits    bool    // in the memory budget; true where Memory is unknown
	Default bool    // what is pulled where nothing is named
	State   string  // of the model that is there already, or empty
	Err     error   // why it cannot be used; only of what lies on this machine
	Warning string  // why nothing here runs it, or empty
}

// Plans says what a ref can become on this machine, and makes nothing.
//
// Errors: those of the importer; [sdk.CodeInvalid] for a ref that nobody claims.
func (r *Runtime) Plans(ctx context.Context, req PullRequest) (Plans, error) {
	if req.Local() {
		_, variants, err := r.localPlans(req)
		return Plans{Variants: variants}, err
	}
	in, ok, err := r.importerOf(req.Ref, req.Importer)
	if err != nil {
		return Plans{}, err
	}
	var plans []sdk.Plan
	switch {
	case ok:
		plans, err = r.resolve(ctx, in, req.Ref)
	case isWeb(string(req.Ref)):
		plans, err = r.webPlan(ctx, string(req.Ref))
	default:
		err = r.unclaimed(req.Ref)
	}
	if err != nil {
		return Plans{}, err
	}
	return Plans{in.id, r.variants(plans, req)}, nil
}

func isWeb(address string) bool {
	scheme, _, ok := strings.Cut(address, "://")
	return ok && (strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http"))
}

// unclaimed is the error of a ref that nobody resolves.
func (r *Runtime) unclaimed(ref sdk.Ref) error {
	scheme, _, ok := strings.Cut(string(ref), "://")
	if !ok {
		return sdk.Errorf(sdk.CodeInvalid, "%.200q is no source%s: use hf://OWNER/REPO, the web address of a weight file, or an absolute path on the server's machine", string(ref), r.meant(string(ref)))
	}
	return sdk.Errorf(sdk.CodeUnsupported, "no importer for %.40s:// is installed (%s); use the https address of a weight file, or the path of one on this machine", scheme, installed(r.importers()))
}

// ownerAndRepo is what people write of a repository, as the hub's own pages do.
var ownerAndRepo = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*/[\w.-]+([@:][\w./-]+)?$`)

// meant asks whether somebody who names no source means a model, or a repository.
func (r *Runtime) meant(text string) string {
	near := cmp.Or(r.nearest(text), repository(text))
	if near == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean '%s'?)", near)
}

// nearest is the id of a model that is written nearly like that, or empty.
func (r *Runtime) nearest(text string) string {
	var ids []string
	for _, m := range r.store.Models() {
		ids = append(ids, m.ID)
	}
	return schemas.Nearest(text, ids)
}

// repository is the ref of what looks like one of the hub, or empty.
func repository(text string) string {
	if !ownerAndRepo.MatchString(text) {
		return ""
	}
	return "hf://" + text
}

// nobody is the error of a model that is to be downloaded and does not exist: one
// may have named a repository.
func (r *Runtime) nobody(id string, err error) error {
	if sdk.CodeOf(err) != sdk.CodeNotFound || len(id) > 200 || repository(id) == "" || r.nearest(id) != "" {
		return err
	}
	return sdk.Errorf(sdk.CodeNotFound, "The model '%s' does not exist; did you mean the source '%s'?", id, repository(id))
}

// webPlan is the plan of a file at a web address, which must be there; of all its
// parts, where it is one of a split model.
func (r *Runtime) webPlan(ctx context.Context, address string) ([]sdk.Plan, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, sdk.Errorf(sdk.CodeInvalid, "'%.200s' is no web address that can be fetched (a name or password in it is not taken; see download_tokens)", web.Public(address))
	}
	if err := r.freshTokens(); err != nil {
		return nil, err
	}
	addresses := []string{address}
	if parts := gguf.Parts(u.Path); len(parts) > 1 {
		addresses = nil
		for _, path := range parts {
			part := *u
			part.Path, part.RawPath = path, ""
			addresses = append(addresses, part.String())
		}
	}
	var plan sdk.Plan
	for _, address := range addresses {
		info, err := r.downloader.Probe(ctx, address)
		if err != nil {
			return nil, err
		}
		if !store.IsWeights(info.Name) {
			return nil, noWeights(address)
		}
		plan.Files = append(plan.Files, sdk.File{Path: path.Base(info.Name), URL: address, Size: info.Size, SHA256: info.SHA256})
	}
	if err := sound(&plan); err != nil {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%.200s cannot become a model: %v", address, err)
	}
	return []sdk.Plan{plan}, nil
}

func noWeights(address string) error {
	return sdk.Errorf(sdk.CodeUnsupported, "%.200s is not the address of a weight file (.gguf, .safetensors), and no importer for it is installed", address)
}

// variants adds to plans what this machine says of them.
func (r *Runtime) variants(plans []sdk.Plan, req PullRequest) []Variant {
	all := make([]Variant, len(plans))
	for i, p := range plans {
		v := Variant{Plan: p, ID: p.Manifest.ID}
		if _, name, several := cutVariant(p.Manifest.ID); several && len(plans) > 1 {
			v.Name = name
		}
		v.Name = cmp.Or(v.Name, text(p.Manifest.Metadata, "quantization"))
		for _, f := range p.Files {
			v.Size += f.Size
		}
		r.fit(&v)
		if m, err := r.Model(v.ID); err == nil && m.comesFrom(p) {
			v.State = m.State
		}
		all[i] = v
	}
	if at := choose(all); at >= 0 {
		all[at].Default = true
	}
	return all
}

// fit fills in whether this machine runs a variant: how much memory it takes, by what
// its source says or else by its size, whether the budget allows that, and whether
// there is an engine for it.
func (r *Runtime) fit(v *Variant) {
	if v.Memory = number(v.Manifest.Metadata, "memory"); v.Memory == 0 {
		v.Memory = uint64(v.Size) + uint64(v.Size)/8 // weights, and room for a context
	}
	budget := r.limits.Load().Memory
	v.Fits = budget == 0 || v.Memory <= budget
	v.Warning = r.Unrunnable(v.Manifest)
}

// Unrunnable says why nothing here runs a model of that manifest: its engine is not
// installed. It is empty where something does.
func (r *Runtime) Unrunnable(m sdk.Manifest) string {
	_, err := r.Deployment(store.Complete(m, store.Defaults{}).Engine)
	if err == nil {
		return ""
	}
	return "nothing here runs it yet: " + Reason(err)
}

// comesFrom says whether a model has the same source as a plan.
func (m Model) comesFrom(p sdk.Plan) bool {
	if len(p.Files) == 0 || len(m.Manifest.Sources) == 0 {
		return len(p.Files) == len(m.Manifest.Sources)
	}
	return m.Manifest.Sources[0].URL == p.Files[0].URL
}

// choose is what is pulled where nothing is named: the first that fits, since
// importers put first what they would choose; -1 where nothing does.
func choose(all []Variant) int {
	return slices.IndexFunc(all, func(v Variant) bool { return v.Fits })
}

// named returns the variant that is wanted.
//
// Errors: [sdk.CodeNotFound], with the names that there are; [sdk.CodeExhausted]
// where none was named and none fits.
func (p Plans) named(want string) (Variant, error) {
	if want == "" {
		return p.standard()
	}
	for _, same := range []func(Variant) bool{
		func(v Variant) bool { return strings.EqualFold(v.Name, want) },
		func(v Variant) bool { return strings.EqualFold(text(v.Manifest.Metadata, "quantization"), want) },
		func(v Variant) bool {
			return slices.ContainsFunc(v.Files, func(f sdk.File) bool { return f.Path == want || path.Base(f.Path) == want })
		},
	} {
		if at := slices.IndexFunc(p.Variants, same); at >= 0 {
			return p.Variants[at], nil
		}
	}
	names := make([]string, len(p.Variants))
	for i, v := range p.Variants {
		names[i] = cmp.Or(v.Name, v.ID)
	}
	return Variant{}, sdk.Errorf(sdk.CodeNotFound, "there is no variant %.60q; there are %s", want, strings.Join(names, ", "))
}

func (p Plans) standard() (Variant, error) {
	if len(p.Variants) == 1 { // there is nothing to choose
		return p.Variants[0], nil
	}
	if at := slices.IndexFunc(p.Variants, func(v Variant) bool { return v.Default }); at >= 0 {
		return p.Variants[at], nil
	}
	least := slices.MinFunc(p.Variants, func(a, b Variant) int { return cmp.Compare(a.Memory, b.Memory) })
	return Variant{}, sdk.Errorf(sdk.CodeExhausted, "no variant fits into the memory budget of this machine; the smallest, %s, takes about %s: name it to have it nevertheless",
		cmp.Or(least.Name, least.ID), humanize.IBytes(least.Memory))
}

// cutVariant cuts an id REPO/VARIANT.
func cutVariant(id string) (folder, name string, several bool) {
	at := strings.LastIndexByte(id, '/')
	if at < 0 {
		return id, "", false
	}
	return id[:at], id[at+1:], true
}

func text(values map[string]any, name string) string {
	s, _ := values[name].(string)
	return s
}

// number is a value that came from JSON, in which it may be a json.Number.
func number(values map[string]any, name string) uint64 {
	switch n := values[name].(type) {
	case json.Number:
		i, _ := n.Int64()
		return uint64(max(0, i))
	case float64:
		return uint64(max(0, n))
	case int64:
		return uint64(max(0, n))
	case int:
		return uint64(max(0, n))
	}
	return 0
}
