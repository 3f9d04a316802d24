package registry_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

func TestSources(t *testing.T) {
	home, key := t.TempDir(), newKey(t).Public().String()
	if all, err := registry.ReadSources(home); len(all) != 0 || err != nil {
		t.Fatalf("%v, %v", all, err)
	}
	want := []registry.Source{{"main", "https://plugins.example.com/x/index.json", key}, {"here", home, key}, {"oci", "oci://registry.example.com/me/plugins:main", key}}
	must(t, registry.WriteSources(home, want))
	all, err := registry.ReadSources(home)
	if err != nil || len(all) != 3 || all[0] != want[0] || all[2] != want[2] {
		t.Fatalf("%v, %v", all, err)
	}
	must(t, registry.WriteSources(home, nil))
	if all, err := registry.ReadSources(home); len(all) != 0 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
}

func TestWrongSources(t *testing.T) {
	key := newKey(t).Public().String()
	for url, words := range map[string]string{
		"http://plugins.example.com/":                      "plain http",
		"https://me:s3cret@example.com/":                   "a user",
		"https://example.com/?token=s3cret":                "a query",
		"ftp://example.com/":                               "begins with ftp",
		"plugins":                                          "neither",
		"oci://registry.example.com/me/plugins@sha256:123": "nothing in an OCI registry",
		"oci://": "neither",
	} {
		err := registry.Source{Name: "main", URL: url, Key: key}.Check()
		says(t, err, sdk.CodeInvalid, words)
	}
	says(t, registry.Source{Name: "main", URL: "/x", Key: "RWx"}.Check(), sdk.CodeInvalid, "registry main")
	home := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(home, "plugins"), 0o700))
	for name, text := range map[string]string{
		"two of one name": `{"registries": [{"name": "a", "url": "/x", "key": "` + key + `"}, {"name": "a", "url": "/y", "key": "` + key + `"}]}`,
		"no key":          `{"registries": [{"name": "a", "url": "/x"}]}`,
		"a path for one":  `{"registries": [{"name": "../a", "url": "/x", "key": "` + key + `"}]}`,
	} {
		must(t, os.WriteFile(filepath.Join(home, "plugins", "registries.json"), []byte(text), 0o600))
		if all, err := registry.ReadSources(home); err == nil {
			t.Errorf("%s: %v", name, all)
		}
	}
}
