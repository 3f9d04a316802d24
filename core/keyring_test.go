package core_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/zalando/go-keyring"

	"github.com/enginebay/enginebay/core"
)

// deployed is the one deployment of a folder with the content in its file.
func deployed(t *testing.T, content string) core.Deployment {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "d.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	all := core.Deployments(dir, nil, hclog.NewNullLogger())
	if len(all) != 1 {
		t.Fatalf("%d deployments", len(all))
	}
	return all[0]
}

func TestKeyring(t *testing.T) {
	keyring.MockInit()
	for name, secret := range map[string]string{"key": "sesame", "a/b": "open"} {
		if err := keyring.Set("bay", name, secret); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/there/is/one")
	d := deployed(t, `{"secrets": {"api_key": "keyring:bay/key", "other": "keyring:bay/a/b"}}`)
	if d.Err != nil || d.Secrets["api_key"] != "sesame" || d.Secrets["other"] != "open" {
		t.Errorf("%v, %v", d.Secrets, d.Err)
	}
	refused := func(ref string, words ...string) {
		t.Helper()
		err := deployed(t, `{"secrets": {"api_key": "`+ref+`"}}`).Err
		for _, word := range words {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v, and not %q", ref, err, word)
			}
		}
	}
	refused("keyring:bay", "a reference such as env:", "keyring:azure/api_key")
	refused("vault:x", "a reference such as env:")
	refused("keyring:bay/absent", `secret "api_key": the keyring holds nothing under keyring:bay/absent; put it there`)
	if err := keyring.Set("bay", "absent", "here now"); err != nil {
		t.Fatal(err)
	}
	if d := deployed(t, `{"secrets": {"api_key": "keyring:bay/absent"}}`); d.Secrets["api_key"] != "here now" {
		t.Errorf("what was put there meanwhile is not found: %v", d.Err)
	}
	keyring.MockInitWithError(errors.New("org.freedesktop.secrets was not provided"))
	refused("keyring:bay/broken", "the keyring cannot be read (org.freedesktop.secrets was not provided)", "use env:NAME or file:PATH")

	if _, err := os.Stat(fmt.Sprintf("/run/user/%d/bus", os.Getuid())); runtime.GOOS == "linux" && err != nil { // otherwise there may be a session
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
		refused("keyring:bay/alone", "no keyring (no session bus)", "use env:NAME or file:PATH")
	}
}
