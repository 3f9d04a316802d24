package pluginhost

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// Probe starts the plugin that lies in a folder, beside those that run, asks it what
// it is, and stops it again: what is about to be installed has to be what its
// manifest says, in name, version, kinds and capabilities, and its settings have to
// have a schema that can be used, the one that the package shows where it shows one.
//
// Errors: [sdk.CodeInvalid] for one that is something else; [sdk.CodeUnavailable]
// for one that does not start, or does not answer.
func (h *Host) Probe(ctx context.Context, dir string, m packages.Manifest) error {
	program, err := program(dir, m)
	if err != nil {
		return &sdk.Error{Code: sdk.CodeInvalid, Message: "plugin " + m.Name + " cannot be started", Cause: err}
	}
	plugin := Plugin{Manifest: m, Name: m.Short(), Folder: Folder{Dir: dir}, Program: program}
	said, _, err := h.ask(ctx, plugin)
	if err != nil && sdk.CodeOf(err) == sdk.CodeInternal { // it answers, and with nonsense
		return &sdk.Error{Code: sdk.CodeInvalid, Message: "plugin " + m.Name + " cannot be used", Cause: err}
	}
	if err != nil {
		return err
	}
	differences := differences(m, said)
	if written, err := os.ReadFile(filepath.Join(dir, packages.SettingsFile)); err == nil && !sameJSON(written, said.Settings) {
		differences = append(differences, "its "+packages.SettingsFile+" is another than the program's")
	}
	if len(differences) > 0 {
		return sdk.Errorf(sdk.CodeInvalid, "the program of plugin %s is not what its %s says: %s", m.Name, ManifestFile, strings.Join(differences, "; "))
	}
	return nil
}

// differences are between what a manifest and what a program say.
func differences(m packages.Manifest, said sdk.Description) (all []string) {
	add := func(what string, in, is any) {
		all = append(all, clean(fmt.Sprintf("its %s is %q, and the program says %q", what, in, is)))
	}
	if said.Name != m.Short() {
		add("name", m.Short(), said.Name)
	}
	if said.Version != m.Version {
		add("version", m.Version, said.Version)
	}
	if !sameSet(said.Kinds, m.Kinds) {
		add("kinds", m.Kinds, said.Kinds)
	}
	if !sameSet(said.Capabilities, m.Capabilities) {
		add("capabilities", m.Capabilities, said.Capabilities)
	}
	return all
}

func sameSet[T ~string](a, b []T) bool {
	in := func(all []T) func(T) bool { return func(one T) bool { return !slices.Contains(all, one) } }
	return !slices.ContainsFunc(a, in(b)) && !slices.ContainsFunc(b, in(a))
}

func sameJSON(a, b []byte) bool {
	var one, other any
	return json.Unmarshal(a, &one) == nil && json.Unmarshal(b, &other) == nil && reflect.DeepEqual(one, other)
}

// ask starts a plugin beside those that run, for what it says of itself.
func (h *Host) ask(ctx context.Context, plugin Plugin) (sdk.Description, *schemas.Schema, error) {
	ctx, done, err := h.trial(ctx)
	if err != nil {
		return sdk.Description{}, nil, err
	}
	defer done()
	p, sink, err := h.exec(ctx, plugin, Deployment{Plugin: plugin.Name}, h.config.Log.Named(plugin.Name))
	if err != nil {
		return sdk.Description{}, nil, err
	}
	defer p.stop()
	if p.Description, err = p.Describe(ctx); err != nil {
		return sdk.Description{}, nil, startError(plugin, sink, err)
	}
	schema, err := p.compile()
	return p.Description, schema, err
}
