package core

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/secret"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// An importer is an importer plugin with the settings of importers/ID.json, where
// there is such a file. Its process is a deployment "importer-ID".
type importer struct {
	id     string
	plugin pluginhost.Plugin
	Deployment
}

// importers returns those that may be used: of each plugin, and of each file.
func (r *Runtime) importers() []importer {
	byName := map[string]pluginhost.Plugin{}
	for _, p := range r.host.Plugins() {
		if p.Err == nil && p.Is(sdk.KindImporter) {
			byName[p.Name] = p
		}
	}
	var all []importer
	for _, d := range ImporterFiles(r.importerFolder, byName, r.log) {
		plugin, ok := byName[d.Plugin]
		if !ok || d.Err == ErrSwitchedOff {
			continue
		}
		in := importer{id: d.ID, plugin: plugin, Deployment: d}
		in.Deployment.ID = "importer-" + d.ID
		in.Secrets, in.Folder = askedFor(plugin, d.Secrets), r.plugins.working(plugin.Name, plugin.Folder)
		all = append(all, in)
	}
	return all
}

// tokens are the secrets that downloads take along, by origin.
func (in importer) tokens() map[string]string {
	all := map[string]string{}
	for name, asked := range in.plugin.Secrets {
		if origin, _ := in.origin(asked); origin != "" && in.Secrets[name] != "" {
			all[origin] = in.Secrets[name]
		}
	}
	return all
}

// origin is where a secret belongs, and whether the operator has named it; empty
// where downloads do not take it along.
func (in importer) origin(asked packages.Secret) (origin string, byOperator bool) {
	for _, text := range asked.Origin {
		address, ok := secret.Expand(text)
		if setting, isSetting := strings.CutPrefix(text, "setting:"); isSetting {
			address, ok = in.Settings[setting].(string)
		}
		if u, err := url.Parse(address); ok && err == nil && web.Origin(u) != "" {
			return web.Origin(u), address != text
		}
	}
	return "", false
}

// private are the hosts of catalogues that the operator has named: they may be in a
// private network.
func (in importer) private() (hosts []string) {
	for _, asked := range in.plugin.Secrets {
		if origin, byOperator := in.origin(asked); byOperator {
			_, host, _ := strings.Cut(origin, "://")
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// claims says whether the importer resolves a ref: by its scheme, by a pattern, or
// because it is an address of its catalogue.
func (in importer) claims(ref sdk.Ref) bool {
	scheme, _, hasScheme := strings.Cut(string(ref), "://")
	if hasScheme && slices.Contains(in.plugin.Schemes, strings.ToLower(scheme)) {
		return true
	}
	if u, err := url.Parse(string(ref)); err == nil && isWeb(string(ref)) {
		for _, asked := range in.plugin.Secrets {
			if origin, _ := in.origin(asked); origin == web.Origin(u) {
				return true
			}
		}
	}
	return slices.ContainsFunc(in.plugin.Patterns, func(pattern string) bool { return matches(pattern, string(ref)) })
}

// importerOf returns the importer of that name, or the one that claims a ref; ok is
// false where no name is given and none claims it.
func (r *Runtime) importerOf(ref sdk.Ref, name string) (in importer, ok bool, err error) {
	all := r.importers()
	at := slices.IndexFunc(all, func(in importer) bool { return in.id == name || name == "" && in.claims(ref) })
	switch {
	case at >= 0 && all[at].Err != nil:
		return importer{}, false, sdk.Errorf(sdk.CodeInvalid, "importer %s cannot be used: %v", all[at].id, all[at].Err)
	case at >= 0:
		return all[at], true, nil
	case name != "":
		return importer{}, false, sdk.Errorf(sdk.CodeNotFound, "there is no importer %q; %s", name, installed(all))
	}
	return importer{}, false, nil
}

func installed(all []importer) string {
	names := make([]string, len(all))
	for i, in := range all {
		names[i] = in.id
	}
	return installedAre(names)
}

func installedAre(names []string) string {
	if len(names) == 0 {
		return "none is installed"
	}
	return "installed are " + strings.Join(names, ", ")
}

// maxPlans bounds what one ref becomes: a stranger's catalogue may list any number,
// and each is a model file on this disk.
const maxPlans = 1000

// resolve asks an importer what a ref is.
func (r *Runtime) resolve(ctx context.Context, in importer, ref sdk.Ref) ([]sdk.Plan, error) {
	plans, err := ask(ctx, r, in, func(p *pluginhost.Process) ([]sdk.Plan, error) { return p.Resolve(ctx, ref) })
	if err == nil && len(plans) > maxPlans {
		err = sdk.Errorf(sdk.CodeInvalid, "%.200s is %d models, which are too many at once; name one of them, as in %.200s:FILE", ref, len(plans), ref)
	}
	if err == nil && len(plans) == 0 {
		err = sdk.Errorf(sdk.CodeNotFound, "importer %s found no model at %.200s", in.id, ref)
	}
	if err != nil {
		return nil, err
	}
	for i := range plans {
		if err := sound(&plans[i]); err != nil {
			return nil, sdk.Errorf(sdk.CodeInternal, "importer %s gave a plan that cannot be used: %v", in.id, err)
		}
	}
	return plans, nil
}

// sound checks a plan, which a plugin made of what a stranger's catalogue says, and
// makes its files the sources of its model.
func sound(p *sdk.Plan) error {
	p.Manifest.Sources = nil
	for _, f := range p.Files {
		if !isWeb(f.URL) {
			return fmt.Errorf("%.200q is no web address", f.URL)
		}
		if store.IsModelFile(strings.ToLower(f.Path)) { // it would say another thing than this plan
			return fmt.Errorf("%.200q is the name of a model file", f.Path)
		}
		p.Manifest.Sources = append(p.Manifest.Sources, sdk.Source{Filename: f.Path, URL: f.URL, SHA256: f.SHA256, Size: f.Size})
	}
	if len(p.Files) == 0 && p.Manifest.Format != "api" {
		return fmt.Errorf("it has no files, and is no remote model")
	}
	if p.Manifest.ID = cmp.Or(p.Manifest.ID, store.NewID(p.Manifest), p.Manifest.Name); !store.ValidID(p.Manifest.ID) {
		return fmt.Errorf("%.200q is no model id", p.Manifest.ID)
	}
	return store.Writable(p.Manifest)
}

// A Found is a hit of a search, and the importer that has it.
type Found struct {
	sdk.Hit
	Importer string
}

// searchTimeout is for one importer's search: one that hangs does not keep the hits
// of the others.
const searchTimeout = 20 * time.Second

// Search asks one importer, or all that can search, for models. At most limit
// hits come back, those of each importer in its own order.
//
// Errors: that of the importer which is named, or else those of all where none
// answers; [sdk.CodeUnsupported] where none can search.
func (r *Runtime) Search(ctx context.Context, words, name string, limit int) ([]Found, error) {
	if name != "" {
		in, _, err := r.importerOf("", name)
		if err != nil {
			return nil, err
		}
		hits, err := r.search(ctx, in, words, limit)
		return foundBy(name, hits, limit), err
	}
	all := r.importers()
	hits, errs := make([][]sdk.Hit, len(all)), make([]error, len(all))
	var asked sync.WaitGroup
	for i, in := range all {
		asked.Go(func() { hits[i], errs[i] = r.search(ctx, in, words, limit) })
	}
	asked.Wait()
	var found []Found
	var failed error = sdk.Errorf(sdk.CodeUnsupported, "no importer that can search is installed")
	answered := false
	for i, in := range all {
		found = append(found, foundBy(in.id, hits[i], limit)...)
		switch {
		case errs[i] == nil:
			answered = true
		case sdk.CodeOf(errs[i]) != sdk.CodeUnsupported:
			failed = errs[i]
			r.log.Warn("search", "importer", in.id, "error", errs[i])
		}
	}
	if answered {
		failed = nil
	}
	return found[:min(len(found), limit)], failed
}

func foundBy(importer string, hits []sdk.Hit, limit int) (found []Found) {
	for _, hit := range hits[:min(len(hits), limit)] {
		found = append(found, Found{hit, importer})
	}
	return found
}

func (r *Runtime) search(ctx context.Context, in importer, words string, limit int) ([]sdk.Hit, error) {
	if in.Err != nil {
		return nil, sdk.Errorf(sdk.CodeInvalid, "importer %s cannot be used: %v", in.id, in.Err)
	}
	ctx, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	return ask(ctx, r, in, func(p *pluginhost.Process) ([]sdk.Hit, error) {
		if !slices.Contains(p.Description.Capabilities, sdk.CapabilitySearch) {
			return nil, sdk.Errorf(sdk.CodeUnsupported, "importer %s cannot search", in.id)
		}
		return p.Search(ctx, words, limit)
	})
}
