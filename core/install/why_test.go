package install_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/sdk"
)

// TestSearchInfoAndWhy: what people look at before and after.
func TestSearchInfoAndWhy(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"), w.echo("1.0.0").with(func(p *parcel) { p.os, p.arch = "plan9", "mips" }),
		w.echo("2.0.0").with(func(p *parcel) { p.name, p.kind = "acme/shelf", sdk.KindImporter }), w.echo("1.1.0").with(func(p *parcel) { p.core = ">=9" }))
	i, ctx := w.installer(), context.Background()
	for words, want := range map[string]int{"": 2, "importer": 1, "SAYS hears": 2, "says nothing": 0} {
		if found, _, err := i.Search(ctx, strings.Fields(words)...); err != nil || len(found) != want {
			t.Errorf("%q finds %+v, %v", words, found, err)
		}
	}
	w.install("echo", install.Options{})
	f, _, err := i.Info(ctx, "echo")
	if err != nil || f.Latest != "1.0.0" || f.Installed != "1.0.0" || f.Publisher != "Acme" || len(f.Versions) != 2 || len(f.Versions[1].Variants) != 2 {
		t.Errorf("%+v, %v", f, err)
	}
	why, err := i.Why(ctx, "echo", install.Options{})
	if err != nil || why.Chosen != "1.0.0" || len(why.Variants) != 2 || !why.Variants[0].Chosen || !strings.Contains(why.Variants[1].Reason, "plan9") ||
		len(why.Passed) != 1 || !strings.Contains(why.Passed[0].Reason, ">=9") {
		t.Errorf("%+v, %v", why, err)
	}
	must(t, os.RemoveAll(w.dir))
	if _, warnings, err := i.Search(ctx); err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "gives no new index") {
		t.Errorf("without the registry: %v, %v", warnings, err)
	}
}
