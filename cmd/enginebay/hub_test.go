package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk/sdktest"
)

// What the fake hub of the tests knows tokens by.
const hubToken, hubOtherToken = "hf_alice", "hf_bob"

// startHub runs cmd/hub, a Hugging Face hub of files by OWNER/REPO/PATH, until the
// end of the test, and returns its address.
func startHub(t *testing.T, files map[string]string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		writeFile(t, filepath.Join(dir, filepath.FromSlash(name)), content)
	}
	return sdktest.Program(t, "../hub", 1, append([]string{"-root", dir, "-token", "alice=" + hubToken, "-token", "bob=" + hubOtherToken}, flags...)...)[0]
}

// hubOfClients is what the tests of the official client for hubs look at.
var hubOfClients = map[string]string{
	"acme/tiny-GGUF/README.md":                         "# tiny\n",
	"acme/tiny-GGUF/tiny.Q4_K_M.gguf":                  "GGUF" + strings.Repeat("weights ", 1000),
	"acme/tiny-GGUF/more/a.json":                       "{}",
	"acme/tiny-GGUF/more/b.json":                       "[]",
	"acme/tiny-GGUF/.branches/refs%2Fpr%2F1/README.md": "# changed\n",
	"acme/tiny-GGUF/.hub.json":                         `{"downloads": 9, "cardData": {"license": "apache-2.0"}}`,
	"acme/gated-GGUF/m.gguf":                           "weights",
	"acme/gated-GGUF/.hub.json":                        `{"downloads": 5, "gated": "manual", "granted": ["alice"], "cardData": {"license": "mit"}}`,
	"acme/plain/model.safetensors":                     "",
	"acme/private/m.gguf":                              "",
	"acme/private/.hub.json":                           `{"private": true, "granted": ["alice"]}`,
}
