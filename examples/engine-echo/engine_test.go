package main

import (
	"encoding/json"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// binary is the program under test, built in TestMain.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "echo")
	if err != nil {
		log.Fatal(err)
	}
	binary = filepath.Join(dir, "engine-echo")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		log.Fatalf("go build: %v", err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}), goleak.IgnoreAnyFunction("github.com/enginebay/enginebay/sdk/process.fork"))
}

func TestConformance(t *testing.T) {
	c := sdktest.Case{
		Model:        sdk.Model{ID: "echo", Dir: t.TempDir(), Manifest: sdk.Manifest{Name: "Echo"}},
		Settings:     json.RawMessage(`{"load_ms": 5}`),
		BadSettings:  json.RawMessage(`{"ctx_len": "many"}`),
		SlowSettings: json.RawMessage(`{"load_ms": 600000}`),
	}
	t.Run("in process", func(t *testing.T) { sdktest.Engine(t, sdktest.Subject{Plugin: plugin}, c) })
	t.Run("program", func(t *testing.T) { sdktest.Engine(t, sdktest.Subject{Path: binary}, c) })
	t.Run("noisy program", func(t *testing.T) {
		c := c
		c.Settings = json.RawMessage(`{"load_ms": 5, "log_lines": 50, "log_line_bytes": 100000}`)
		sdktest.Engine(t, sdktest.Subject{Path: binary, Env: []string{"ENGINE_ECHO_START=long-noise"}}, c)
	})
}
