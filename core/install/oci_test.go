package install_test

import (
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
	"github.com/sirupsen/logrus"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// newHub starts a real OCI registry and returns the beginning of its references.
func newHub(t testing.TB) string {
	t.Helper()
	logrus.SetOutput(io.Discard)
	config := &configuration.Configuration{Storage: configuration.Storage{"inmemory": {}, "maintenance": {"uploadpurging": map[any]any{"enabled": false}}}}
	config.Log.AccessLog.Disabled = true
	app := handlers.NewApp(context.Background(), config)
	server := httptest.NewServer(app)
	t.Cleanup(func() {
		server.Close()
		must(t, app.Shutdown())
	})
	return "oci://" + strings.TrimPrefix(server.URL, "http://") + "/acme/echo"
}

// push puts parcels under a tag.
func push(t testing.TB, reference string, parcels ...parcel) {
	t.Helper()
	var files []string
	for _, p := range parcels {
		files = append(files, p.file(t))
	}
	_, err := registry.New(registry.Config{}).Push(context.Background(), reference, files)
	must(t, err)
}

// point makes one tag lead where another does.
func point(t testing.TB, hub, tag, to string) {
	t.Helper()
	repo, err := remote.NewRepository(strings.TrimPrefix(hub, "oci://"))
	must(t, err)
	repo.PlainHTTP = true
	desc, err := repo.Resolve(context.Background(), to)
	must(t, err)
	must(t, repo.Tag(context.Background(), desc, tag))
}

// TestOCI: a tag holds the variants of a version; the lock file has all of them, by
// their hashes; a tag that moves is an upgrade, the same version with other bytes is refused.
func TestOCI(t *testing.T) {
	w := newWorld(t)
	hub := newHub(t)
	elsewhere := func(p *parcel) { p.os, p.arch = "plan9", "mips" }
	push(t, hub, w.echo("1.0.0"), w.echo("1.0.0").with(elsewhere), w.echo("1.1.0"), w.echo("1.1.0").with(elsewhere))
	point(t, hub, "1", "1.0.0")
	i, ctx := w.installer(), context.Background()
	_, err := apply(i, hub+":1", install.Options{})
	refused(t, err, sdk.CodeInvalid, "key of acme that is not known here", "--key RW")
	trust := install.Options{Key: w.acme.Public().String()}
	w.install(hub+":1", trust)
	l := w.lock().Plugins["acme/echo"]
	if w.current("echo") != "1.0.0" || l.Source != hub+":1" || len(l.Variants) != 2 || !strings.Contains(l.Variants[here()].URL, "@sha256:") {
		t.Errorf("%+v", l)
	}
	for platform, v := range l.Variants {
		if v.SHA256 == "" || v.Digest == "" {
			t.Errorf("%s is locked as %+v", platform, v)
		}
	}
	point(t, hub, "1", "1.1.0")
	plans, kept, err := i.Upgrades(ctx, nil, install.Options{})
	if err != nil || len(plans) != 1 || plans[0].Version != "1.1.0" {
		t.Fatalf("%v, %v, %v", plans, kept, err)
	}
	_, err = i.Apply(ctx, plans[0], nil)
	must(t, err)
	push(t, hub+"/elsewhere:1", w.echo("1.1.0").with(func(p *parcel) { p.text = "replaced" }))
	_, err = apply(i, hub+"/elsewhere:1", install.Options{})
	refused(t, err, sdk.CodeInvalid, "somebody replaced it")
	w.index.Plugins = map[string]registry.Plugin{}
	w.sign()
	other := w.another()
	must(t, locked(other)) // the tag has moved, the hashes have not
	if other.current("echo") != "1.1.0" {
		t.Error("it was not installed")
	}
	_, err = apply(i, hub+":2", install.Options{})
	refused(t, err, sdk.CodeNotFound)
}
