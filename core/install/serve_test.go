package install_test

import (
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/sdk"
)

// serve puts the world's registry on a web server of this machine; the returned
// function ends that.
func (w *world) serve() func() {
	server := httptest.NewServer(http.FileServer(http.Dir(w.dir)))
	w.url = server.URL
	return server.Close
}

// serveTLS is serve over https. The option has an installer trust it.
func (w *world) serveTLS() func(*install.Config) {
	server := httptest.NewTLSServer(http.FileServer(http.Dir(w.dir)))
	w.t.Cleanup(server.Close)
	w.url = server.URL
	ca := filepath.Join(w.t.TempDir(), "ca.pem")
	write(w.t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	return func(c *install.Config) {
		c.Downloads = func() download.Config {
			d := download.Config{}
			d.Web.CA = ca
			return d
		}
	}
}

// TestOverHTTPS: a registry on a web server, and an archive by its address.
func TestOverHTTPS(t *testing.T) {
	w := newWorld(t)
	trust := w.serveTLS()
	w.publish(w.echo("1.0.0"), w.echo("1.1.0"))
	i := w.installer(trust)
	r, err := apply(i, "echo@1.0.0", install.Options{})
	must(t, err)
	if l := w.lock().Plugins["acme/echo"].Variants[here()]; !strings.HasPrefix(l.URL, w.url+"/packages/") || l.SHA256 == "" || r.Plugin.Source != "main" {
		t.Errorf("%+v", l)
	}
	address := w.url + "/" + w.index.Plugins["acme/echo"].Versions["1.1.0"].Variants[0].URL
	r, err = apply(i, address, install.Options{})
	must(t, err)
	if l := w.lock().Plugins["acme/echo"]; l.Source != address || l.Variants[here()].SHA256 == "" || r.Plugin.Current != "1.1.0" {
		t.Errorf("%+v", l)
	}
	if left, _ := filepath.Glob(filepath.Join(w.home, "cache", "packages", "*", "*")); len(left) != 0 {
		t.Errorf("left of the downloads: %v", left)
	}
	_, kept, err := i.Upgrades(context.Background(), nil, install.Options{})
	if err != nil || len(kept) != 1 || !strings.Contains(kept[0].Reason, "knows of no other versions") {
		t.Errorf("%v, %v", kept, err)
	}
	other := w.another()
	must(t, locked(other, trust))
	if other.current("echo") != "1.1.0" {
		t.Error("it was not installed")
	}
}

// TestAnAddressIsSigned: what comes over the network is, whatever the policy says.
func TestAnAddressIsSigned(t *testing.T) {
	w := newWorld(t)
	trust := w.serveTLS()
	for name, c := range map[string]struct {
		parcel parcel
		o      install.Options
		says   string
	}{
		"unsigned":               {w.echo("1.0.0").with(func(p *parcel) { p.key = nil }), install.Options{}, "is not signed"},
		"unknown":                {w.echo("1.0.0"), install.Options{}, "--key RW"},
		"from a private network": {w.echo("1.0.0"), install.Options{Remote: true, Key: w.acme.Public().String()}, "private"},
	} {
		data, _ := c.parcel.archive(t)
		write(t, filepath.Join(w.dir, "a.tar.zst"), string(data))
		_, err := apply(w.installer(trust), w.url+"/a.tar.zst", c.o)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := w.installer().Plan(context.Background(), "https://user:secret@example.com/a.tar.zst", install.Options{})
	refused(t, err, sdk.CodeInvalid, "host and a path only")
	if strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	_, err = apply(w.installer(), "http://example.com/a.tar.zst", install.Options{})
	refused(t, err, sdk.CodeInvalid, "plain http")
}
