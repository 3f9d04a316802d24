package install_test

import (
	"context"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/sdk"
)

// TestAnothersName: a plugin that is there without having been installed is not
// replaced by somebody else's of its short name but with open eyes.
func TestAnothersName(t *testing.T) {
	beside := func(c *install.Config) {
		c.Beside = func() []packages.Manifest {
			return []packages.Manifest{{Name: "enginebay/echo"}, {Name: "enginebay/shelf", Schemes: []string{"shelf", "hf"}}, {Name: "broken folder"}}
		}
	}
	w := newWorld(t)
	w.publish(w.echo("1.0.0"))
	i := w.installer(beside)
	_, err := i.Plan(context.Background(), "echo", install.Options{})
	refused(t, err, sdk.CodeNotFound, "No plugin enginebay/echo")

	p, err := i.Plan(context.Background(), "acme/echo", install.Options{Remote: true})
	must(t, err)
	defer p.Close()
	refused(t, i.Fetch(context.Background(), p, nil), sdk.CodeInvalid, "would take the place of enginebay/echo", "on the server's machine")

	r, err := apply(i, "acme/echo", install.Options{})
	must(t, err)
	if text := strings.Join(r.Warnings, "\n"); !strings.Contains(text, "acme/echo takes the place of enginebay/echo") {
		t.Errorf("the warnings are %q", text)
	}
}

// TestAnothersScheme: the refs of an importer do not change over to another one in silence.
func TestAnothersScheme(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0").with(func(p *parcel) { p.schemes = []string{"echo", "hf"} }))
	r, err := apply(w.installer(func(c *install.Config) {
		c.Beside = func() []packages.Manifest {
			return []packages.Manifest{{Name: "acme/echo", Schemes: []string{"echo"}}, {Name: "enginebay/shelf", Schemes: []string{"hf"}}}
		}
	}), "echo", install.Options{})
	must(t, err)
	if text := strings.Join(r.Warnings, "\n"); text != "acme/echo resolves refs that begin with hf://, as enginebay/shelf does" {
		t.Errorf("the warnings are %q", text)
	}
}
