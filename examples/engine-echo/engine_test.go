package main

import (
	"encoding/json"
	"testing"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// binary is the plugin's program.
var binary string

func TestMain(m *testing.M) { sdktest.Main(m, &binary) }

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
		sdktest.Engine(t, sdktest.Subject{Path: binary, Env: []string{"ENGINE_ECHO_START=long-noise"}, Rounds: 20}, c)
	})
}
