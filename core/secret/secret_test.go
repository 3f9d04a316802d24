package secret_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"

	"github.com/enginebay/enginebay/core/secret"
)

// refused checks that a reference leads nowhere, and what is said of it.
func refused(t *testing.T, ref string, words ...string) {
	t.Helper()
	got, err := secret.Resolve(ref)
	for _, word := range words {
		if got != "" || err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v, and not %q", ref, err, word)
		}
	}
}

func TestResolve(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ENGINEBAY_TEST_KEY", "sesame")
	for _, ref := range []string{"env:ENGINEBAY_TEST_KEY", "file:" + file} {
		if got, err := secret.Resolve(ref); got != "sesame" || err != nil || !secret.IsReference(ref) {
			t.Errorf("%s: %q, %v", ref, got, err)
		}
	}
	if got, ok := secret.First([]string{"env:ENGINEBAY_TEST_NONE", "file:$ENGINEBAY_TEST_NONE/key", "env:ENGINEBAY_TEST_KEY"}); got != "sesame" || !ok {
		t.Errorf("the first that leads anywhere: %q %v", got, ok)
	}
	refused(t, "env:ENGINEBAY_TEST_NONE", "ENGINEBAY_TEST_NONE is not set")
	refused(t, "file:"+filepath.Dir(file), "its file is no regular file")
	refused(t, "vault:x", "no reference such as env:NAME, file:PATH or keyring:SERVICE/NAME")
	if secret.IsReference("sk-1234") {
		t.Error("a key is taken for a reference")
	}
}

func TestKeyring(t *testing.T) {
	keyring.MockInit()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/there/is/one")
	for name, want := range map[string]string{"key": "sesame", "a/b": "open"} {
		if err := keyring.Set("bay", name, want); err != nil {
			t.Fatal(err)
		}
		if got, err := secret.Resolve("keyring:bay/" + name); got != want || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	refused(t, "keyring:bay", "is written keyring:SERVICE/NAME")
	refused(t, "keyring:bay/absent", "the keyring holds nothing under keyring:bay/absent; put it there")
	if err := keyring.Set("bay", "absent", "here now"); err != nil {
		t.Fatal(err)
	}
	if got, err := secret.Resolve("keyring:bay/absent"); got != "here now" {
		t.Errorf("what was put there meanwhile is not found: %v", err)
	}
	keyring.MockInitWithError(errors.New("org.freedesktop.secrets was not provided"))
	refused(t, "keyring:bay/broken", "the keyring cannot be read (org.freedesktop.secrets was not provided)", "use env:NAME or file:PATH")

	if _, err := os.Stat(fmt.Sprintf("/run/user/%d/bus", os.Getuid())); runtime.GOOS == "linux" && err != nil { // otherwise there may be a session
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
		refused(t, "keyring:bay/alone", "no keyring (no session bus)", "use env:NAME or file:PATH")
	}
}
