package install

import (
	"path"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/sdk"
)

// What was installed goes before what came along with the program, or was put into
// HOME/plugins by hand, and an importer gets the refs of each scheme that it names. So
// a plugin may take what is another one's by its name alone.

// beside are the plugins that are there, whether they were installed or not.
func (i *Installer) beside() []packages.Manifest {
	if i.config.Beside == nil {
		return nil
	}
	return i.config.Beside()
}

// meant is the full name that a short one has had here until now; a name that is full,
// or new, is returned as it is.
func (i *Installer) meant(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	for _, m := range i.beside() {
		if m.Short() == name && fullName.MatchString(m.Name) {
			return m.Name
		}
	}
	return name
}

// overshadow says what a package takes from other plugins. Through the API, which may be
// open to all of this machine, no name is taken at all.
func (i *Installer) overshadow(p *Plan) error {
	for _, other := range i.beside() {
		if other.Name == p.Name || !fullName.MatchString(other.Name) {
			continue
		}
		if path.Base(other.Name) == path.Base(p.Name) {
			if p.options.Remote {
				return sdk.Errorf(sdk.CodeInvalid, "%s would take the place of %s, with its settings and secrets, for models and deployments call both %q; install it with \"enginebay plugin install\" on the server's machine", p.Name, other.Name, path.Base(p.Name))
			}
			p.warn("%s takes the place of %s: models and deployments that name %q use it from now on, and it gets the settings and secrets that they have", p.Name, other.Name, path.Base(p.Name))
			continue
		}
		if both := common(p.Manifest.Schemes, other.Schemes); len(both) > 0 {
			p.warn("%s resolves refs that begin with %s, as %s does", p.Name, strings.Join(both, ", "), other.Name)
		}
	}
	return nil
}

// common are the schemes that are in both lists, as refs have them.
func common(a, b []string) (both []string) {
	for _, scheme := range a {
		if slices.Contains(b, scheme) {
			both = append(both, scheme+"://")
		}
	}
	return both
}
