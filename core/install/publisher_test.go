package install_test

import (
	"context"
	"testing"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// TestAPublisherOfTwoRegistries: a registry that says that it has the keys of a publisher
// does not count where one that goes before it knows others.
func TestAPublisherOfTwoRegistries(t *testing.T) {
	main, evil := newWorld(t), newWorld(t)
	main.publish(main.echo("1.0.0"))
	evil.publish(evil.echo("9.0.0").with(func(p *parcel) { p.name = "acme/new" }))
	must(t, registry.WriteSources(main.home, []registry.Source{
		{Name: "main", URL: main.url, Key: main.key.Public().String()}, {Name: "evil", URL: evil.url, Key: evil.key.Public().String()}}))
	_, err := apply(main.installer(), "new", install.Options{})
	refused(t, err, sdk.CodeInvalid, "registry main, which goes before it, knows others for acme", "--key "+evil.acme.Public().String())
	if len(main.lock().Publishers) > 0 {
		t.Errorf("trusted is %v", main.lock().Publishers)
	}
	main.install("new", install.Options{Key: evil.acme.Public().String()})
}

// TestTrustOfAnotherProcess: which key counts is looked at again when the package is
// put in force.
func TestTrustOfAnotherProcess(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"))
	other := newKey(t)
	probe := func(context.Context, string, packages.Manifest) error {
		w.install(w.echo("1.0.0").with(func(p *parcel) { p.name, p.key = "acme/other", &other }).file(t), install.Options{Key: other.Public().String()})
		return nil
	}
	_, err := apply(w.installer(func(c *install.Config) { c.Probe = probe }), "echo", install.Options{})
	refused(t, err, sdk.CodeInvalid, "another key of acme")
	if w.current("echo") != "" || len(w.lock().Publishers["acme"]) != 1 {
		t.Errorf("in use is %q, trusted %v", w.current("echo"), w.lock().Publishers)
	}
}
