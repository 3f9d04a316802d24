// Package enginenode_test holds the engine in JavaScript to what every engine must do.
package enginenode_test

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// program is the plugin's, in a folder with its npm packages.
const program = "../../build/node/engine-node/bin/engine-node"

func TestMain(m *testing.M) {
	sdktest.Host()
	made := exec.Command("sh", "../node.sh", ".", "../../build/node/engine-node")
	made.Stdout, made.Stderr = os.Stderr, os.Stderr
	if err := made.Run(); err != nil {
		log.Fatalf("node.sh: %v", err)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/enginebay/enginebay/sdk/process.fork"))
}

const story = "The quick brown fox jumps over the lazy dog. The quick brown fox sleeps. A model of words learns from the text that it reads."

// model is one with a text in its folder.
func model(t *testing.T, name, text string) sdk.Model {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return sdk.Model{ID: "story", Dir: dir, Files: []string{file}, Manifest: sdk.Manifest{Name: "Story"}}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConformance(t *testing.T) {
	foreign := model(t, "weights.gguf", "GGUF\x03\x00\x00\x00")
	foreign.ID = "foreign"
	sdktest.Engine(t, sdktest.Subject{Path: absolute(t, program)}, sdktest.Case{
		Model:        model(t, "story.txt", strings.Repeat(story, 500)),
		BadSettings:  json.RawMessage(`{"order": "many"}`),
		SlowSettings: json.RawMessage(`{"read_bytes_per_second": 100}`),
		Foreign:      foreign,
	})
}

// TestCopies: what several plugins share is copied into each, and stays the same.
func TestCopies(t *testing.T) {
	for copied, original := range map[string]string{
		"libs/plugin.proto": "../../sdk/proto/plugin.proto",
	} {
		want, err := os.ReadFile(original)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(copied); err != nil || string(got) != string(want) {
			t.Errorf("%s is not %s any more (%v): %s", copied, original, err, fmt.Sprintf("cp %s examples/engine-node/%s", original, copied))
		}
	}
}
