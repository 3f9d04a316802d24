package sdktest

import (
	"context"
	"encoding/json"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// An ImporterCase is what the suite needs to know of an importer. Its catalogue
// is best a server of the test's own, named in Settings.
type ImporterCase struct {
	Settings json.RawMessage   // over the defaults of the plugin's schema; a JSON object, or nothing
	Secrets  map[string]string // as the core would hand them over

	Ref     sdk.Ref // of a model that is there
	Missing sdk.Ref // well formed, of a model that is not; empty: not tested
	Bad     sdk.Ref // one that the importer cannot read; empty: not tested
	Words   string  // that a search finds something with; empty: not tested
}

// Importer runs the suite for an importer.
func Importer(t *testing.T, s Subject, c ImporterCase) {
	runAll(goTest{t}, s, append(s.checks(), newImporter(s, c).checks()...))
}

// newImporter is an importer with what it is to be tried with.
func newImporter(s Subject, c ImporterCase) *importer {
	i := &importer{work: work{Subject: s, settings: c.Settings, secrets: c.Secrets}, ImporterCase: c}
	w := &i.work
	if c.Ref == "" {
		w.lacks = "no ref was given"
	}
	w.use, w.round, w.tell, w.order, w.promised = i.busy, i.roundTrip, i.tell, i.order, i.promised
	return i
}

// checks are those of an importer.
func (i *importer) checks() []Check {
	return slices.Concat([]Check{
		{"describe", "it says its name, version, kinds and abilities before it was configured", false, func(t T) { i.describe(t, sdk.KindImporter, sdk.CapabilitySearch) }},
		{"resolve", "plans are ones that the core can carry out, without secrets, and the same each time", false, i.with(i.resolves)},
	}, i.first(), []Check{
		{"several", "it is asked from several sides at once", false, i.with(i.several)},
		{"cancel", "a caller who leaves gets no answer, and the importer goes on", false, i.with(i.cancels)},
		{"refuse", "what is not there, and what cannot be read, have codes", false, i.with(i.refuses)},
		{"search", "hits are no more than asked for, and can be resolved", false, i.with(i.searches)},
	}, i.last())
}

// importer is the importer under test.
type importer struct {
	work
	ImporterCase
}

func (i *importer) up(t T) *host {
	t.Helper()
	return i.configured(t, i.Settings, i.Secrets)
}

// resolves: the plans are ones that the core can carry out, and the same each time.
func (i *importer) resolves(t T) {
	h := i.up(t)
	plans, err := h.Resolve(t.Context(), i.Ref)
	if err != nil {
		i.lacks = "the ref is not resolved; see importer/resolve"
		t.Fatalf("Resolve %s: %v", i.Ref, err)
	}
	if len(plans) == 0 {
		t.Fatalf("Resolve %s: no plans, and no error", i.Ref)
	}
	for _, p := range plans {
		i.check(t, p)
	}
	again, err := h.Resolve(t.Context(), i.Ref)
	if err != nil || !reflect.DeepEqual(again, plans) {
		t.Errorf("Resolve gives other plans the second time, %v:\n%+v\n%+v", err, plans, again)
	}
}

var digests = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (i *importer) check(t T, p sdk.Plan) {
	t.Helper()
	if p.Manifest.ID == "" && p.Manifest.Name == "" {
		t.Errorf("a plan's manifest has neither id nor name")
	}
	if len(p.Files) == 0 && p.Manifest.Format != "api" {
		t.Errorf("a plan without files is of a remote model, whose format is \"api\" and not %q", p.Manifest.Format)
	}
	seen := map[string]bool{}
	for _, f := range p.Files {
		if !filepath.IsLocal(f.Path) || strings.Contains(f.Path, `\`) || seen[f.Path] {
			t.Errorf("file %q is not a path inside the model's folder with forward slashes, or is there twice", f.Path)
		}
		seen[f.Path] = true
		if u, err := url.Parse(f.URL); err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
			t.Errorf("file %s has the address %q; the core fetches http and https, and credentials do not belong there", f.Path, f.URL)
		}
		if f.Size < 0 || (f.SHA256 != "" && !digests.MatchString(f.SHA256)) {
			t.Errorf("file %s has the size %d and the SHA-256 %q", f.Path, f.Size, f.SHA256)
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Errorf("a plan cannot be written: %v", err)
	}
	for name, secret := range i.Secrets {
		if secret != "" && strings.Contains(string(text), secret) {
			t.Errorf("the secret %s stands in a plan, and would be written to disk", name)
		}
	}
}

// several: Resolve is called from several sides at once.
func (i *importer) several(t T) {
	h := i.up(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := h.Resolve(t.Context(), i.Ref); err != nil {
				t.Errorf("Resolve beside others: %v", err)
			}
		})
	}
	all.Wait()
}

// cancels: a caller who has left gets no answer, and the importer goes on.
func (i *importer) cancels(t T) {
	h := i.up(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Resolve(ctx, i.Ref)
	coded(t, err, sdk.CodeCanceled)
	if _, err := h.Resolve(t.Context(), i.Ref); err != nil {
		t.Errorf("Resolve after one that was called off: %v", err)
	}
}

// refuses: what is not there, and what cannot be read, have codes.
func (i *importer) refuses(t T) {
	h := i.up(t)
	for name, test := range map[string]struct {
		ref  sdk.Ref
		code sdk.Code
	}{"missing": {i.Missing, sdk.CodeNotFound}, "bad": {i.Bad, sdk.CodeInvalid}} {
		if test.ref == "" {
			continue
		}
		t.Run(name, func(t T) {
			_, err := h.Resolve(t.Context(), test.ref)
			coded(t, err, test.code)
			for name, secret := range i.Secrets {
				if err != nil && secret != "" && strings.Contains(err.Error(), secret) {
					t.Errorf("the secret %s stands in the error", name)
				}
			}
		})
	}
}

// searches: hits are no more than asked for, and can be resolved.
func (i *importer) searches(t T) {
	h := i.up(t)
	switch can := h.can(t, sdk.CapabilitySearch); {
	case !can && i.Words != "":
		t.Fatalf("the case has words to search for, and the importer does not search")
	case !can:
		t.Skipf("the importer does not search")
	case i.Words == "":
		t.Skipf("no words to search for were given")
	}
	hits, err := h.Search(t.Context(), i.Words, 1)
	if err != nil || len(hits) != 1 {
		t.Fatalf("Search %q for one hit: %d, %v", i.Words, len(hits), err)
	}
	if hits[0].Ref == "" || hits[0].Name == "" {
		t.Errorf("a hit needs a ref and a name: %+v", hits[0])
	}
	if _, err := h.Resolve(t.Context(), hits[0].Ref); err != nil {
		t.Errorf("Resolve the hit %s: %v", hits[0].Ref, err)
	}
}

// busy resolves once; there is nothing to wait for.
func (i *importer) busy(t T, h *host) <-chan error {
	ended := make(chan error, 1)
	_, err := h.Resolve(t.Context(), i.Ref)
	if err != nil {
		t.Errorf("Resolve %s: %v", i.Ref, err)
	}
	ended <- err
	return ended
}

// roundTrip resolves the case's ref.
func (i *importer) roundTrip(t T, h *host) error {
	_, err := h.Resolve(t.Context(), i.Ref)
	return err
}
