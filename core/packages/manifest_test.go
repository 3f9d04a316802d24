package packages_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// The struct has every member of the schema, and no other.
func TestManifestHoldsAllOfPluginJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pointer string
		of      any
	}{{"", packages.Manifest{}}, {"/platform", packages.Platform{}}, {"/requires", packages.Requires{}}, {"/permissions", packages.Permissions{}}} {
		want := map[string]bool{}
		for _, name := range schemas.Plugin().Names(c.pointer) {
			want[name] = true
		}
		delete(want, "$schema")
		typ := reflect.TypeOf(c.of)
		for i := range typ.NumField() {
			name := member(typ.Field(i))
			if !want[name] {
				t.Errorf("%s/%s is not in the schema", c.pointer, name)
			}
			delete(want, name)
		}
		if len(want) > 0 {
			t.Errorf("%s: %T has no %v", c.pointer, c.of, want)
		}
	}
}

func TestReadManifest(t *testing.T) {
	t.Parallel()
	dir := tree(t, thing())
	m, err := packages.ReadManifest(dir)
	must(t, err)
	if m.Short() != "thing" || m.Publisher() != "me" || !m.Is(sdk.KindEngine) || m.Is(sdk.KindImporter) || len(m.Protocol) != 1 {
		t.Errorf("%+v", m)
	}
	if _, err := packages.ReadManifest(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	for name, c := range map[string]struct{ member, says string }{
		"core":    {`"core": "new"`, `core "new" is no range`},
		"driver":  {`"requires": {"driver": "soon"}`, `requires.driver "soon" is no range`},
		"shown":   {`"description": "\u001b[2Jwords\nsigned by  you"`, "control character"},
		"version": {`"version": "1.0.0-01"`, "1.0.0-01"},
		"entry":   {`"entry": "../x"`, "entry"},
	} {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf(`{"name": "me/x", "kinds": ["engine"], %s`, c.member)
			if name != "version" {
				text += `, "version": "1.0.0"`
			}
			if name != "entry" {
				text += `, "entry": "x"`
			}
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, "plugin.json"), []byte(text+"}"), 0o600))
			_, err := packages.ReadManifest(dir)
			says(t, err, c.says)
		})
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		of   packages.Manifest
		says string
	}{
		{"all", packages.Manifest{}, ""},
		{"this machine", packages.Manifest{Protocol: []int{1, 2}, Platform: packages.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}, Core: ">=0.3 <1"}, ""},
		{"protocol", packages.Manifest{Protocol: []int{2}}, "speaks protocol [2], and this core speaks 1"},
		{"system", packages.Manifest{Platform: packages.Platform{OS: "plan9"}}, "is built for plan9/any"},
		{"processor", packages.Manifest{Platform: packages.Platform{Arch: "mips"}}, "is built for any/mips"},
		{"core", packages.Manifest{Core: ">=0.4"}, "works with Engine Bay >=0.4, and this is 0.3.1"},
	} {
		c.of.Name = "me/x"
		err := c.of.Fits("0.3.1")
		var incompatible *packages.Incompatible
		if errors.As(err, &incompatible) != (c.says != "") {
			t.Errorf("%s: %v", c.name, err)
		} else if c.says != "" {
			says(t, err, c.says)
		}
	}
}

func TestCoreFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		versions, core string
		want           bool
	}{
		{"", "0.1.0", true}, {">=0.3.0 <1.0.0", "v0.3.0", true}, {">=0.3.0 <1.0.0", "1.0.0", false}, {"^0.3", "0.4.0", false},
		{">=9", "dev", true}, {">=9", "f671099", true}, {">=9", "1234567", true}, {">=9", "f671099-dirty", true},
		{">=0.4", "v0.3.0-5-gabc123", true}, {">=0.3.1", "v0.3.0-5-gabc123-dirty", true}, {">=1", "v0.3.0-dirty", true},
		{">=1.1", "v0.3.0-5-gabc123", false}, {"<0.2", "v0.3.0-5-gabc123", false},
		{">=0.4", "0.4.0-rc.1", true}, {">=0.4", "0.3.9-rc.1", false}, {"nonsense", "1.0.0", false},
	} {
		if got := packages.CoreFits(c.versions, c.core); got != c.want {
			t.Errorf("%q for core %s: %v", c.versions, c.core, got)
		}
	}
}

func TestSecretsFrom(t *testing.T) {
	t.Parallel()
	m := packages.Manifest{Secrets: map[string]packages.Secret{"token": {From: []string{"env:HF_TOKEN", "file:/home/me/.ssh/id_ed25519"}}, "key": {From: []string{"keyring:a/b"}}}}
	if got := strings.Join(m.SecretsFrom(), "; "); got != "key (keyring:a/b); token (env:HF_TOKEN, file:/home/me/.ssh/id_ed25519)" {
		t.Error(got)
	}
}
