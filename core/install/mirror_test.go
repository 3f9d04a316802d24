package install_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// TestMirror: a folder that a registry's archives were brought into is installed from
// when the registry is gone: with its own signatures, by name and by the lock file, on
// every platform that was asked for.
func TestMirror(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"), w.echo("1.1.0"), w.echo("1.1.0").with(func(p *parcel) { p.os, p.arch = "plan9", "mips" }),
		w.echo("2.0.0").with(func(p *parcel) { p.name = "acme/shelf" }))
	w.install("echo", install.Options{})
	dir := filepath.Join(t.TempDir(), "mirror")
	var told []string
	all, err := w.installer().Mirror(context.Background(), dir, install.Mirroring{Names: []string{"echo"}}, func(m install.Mirrored, _ install.Progress) {
		told = append(told, m.Platform)
	})
	if err != nil || len(all) != 2 || all[0].Version != "1.1.0" || all[1].Platform != "plan9/mips/default" {
		t.Fatalf("%+v, %v", all, err)
	}
	must(t, os.RemoveAll(w.dir)) // nobody is there any more
	other := w.another()
	must(t, registry.WriteSources(other.home, []registry.Source{{Name: "main", URL: dir, Key: w.key.Public().String()}}))
	must(t, locked(other))
	if other.current("echo") != "1.1.0" {
		t.Error("it was not installed")
	}
	must(t, other.installer().Remove(context.Background(), "echo"))
	other.install("echo", install.Options{})
	_, err = apply(other.installer(), "shelf", install.Options{}) // the index has it, the folder does not
	refused(t, err, sdk.CodeNotFound, "")
	write(t, filepath.Join(dir, filepath.FromSlash(all[0].Path)), "evil")
	must(t, other.installer().Remove(context.Background(), "echo"))
	_, err = apply(other.installer(), "echo", install.Options{})
	refused(t, err, sdk.CodeInvalid, "")
}

func TestWhatIsMirrored(t *testing.T) {
	w := newWorld(t)
	w.publish(w.echo("1.0.0"), w.echo("1.1.0"), w.echo("1.1.0").with(func(p *parcel) { p.os, p.arch = "plan9", "mips" }),
		w.echo("2.0.0").with(func(p *parcel) { p.name = "acme/shelf" }))
	w.yank("acme/echo", "1.0.0", "bad")
	for name, c := range map[string]struct {
		m    install.Mirroring
		want string
	}{
		"all":           {install.Mirroring{}, "echo 1.1.0 here, echo 1.1.0 plan9, shelf 2.0.0 here"},
		"one platform":  {install.Mirroring{Platforms: []string{"plan9/mips"}, Names: []string{"echo"}}, "echo 1.1.0 plan9"},
		"what there is": {install.Mirroring{Platforms: []string{"plan9/mips"}}, "echo 1.1.0 plan9"},
		"one version":   {install.Mirroring{Names: []string{"echo@1.0.0"}}, "echo 1.0.0 here"},
		"all versions":  {install.Mirroring{Names: []string{"acme/echo"}, Versions: true}, "echo 1.1.0 here, echo 1.1.0 plan9"},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := w.installer().Mirror(context.Background(), t.TempDir(), c.m, nil)
			must(t, err)
			var got []string
			for _, m := range all {
				platform, _, _ := strings.Cut(strings.Replace(m.Platform, here(), "here", 1), "/")
				got = append(got, strings.TrimPrefix(m.Name, "acme/")+" "+m.Version+" "+platform)
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("%v, wanted %s", got, c.want)
			}
		})
	}
	_, err := w.installer().Mirror(context.Background(), t.TempDir(), install.Mirroring{Names: []string{"nobody"}}, nil)
	refused(t, err, sdk.CodeNotFound, "nobody")
}
