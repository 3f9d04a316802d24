package sdktest_test

import (
	"encoding/json"
	"testing"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// In a plugin's engine_test.go these are a TestMain and a TestConformance. The suite runs
// twice: in this process, where a failure is easy to look into, and on the program that
// Main has built.
func ExampleEngine() {
	var plugin sdk.Plugin // the plugin's own, of main.go
	var program string

	_ = func(m *testing.M) { sdktest.Main(m, &program) }

	_ = func(t *testing.T) {
		c := sdktest.Case{
			Model:       sdk.Model{ID: "tiny", Dir: "testdata/tiny", Files: []string{"testdata/tiny/tiny.gguf"}},
			Settings:    json.RawMessage(`{"ctx_len": 512}`),
			BadSettings: json.RawMessage(`{"ctx_len": "many"}`),
		}
		t.Run("in process", func(t *testing.T) { sdktest.Engine(t, sdktest.Subject{Plugin: plugin}, c) })
		t.Run("program", func(t *testing.T) { sdktest.Engine(t, sdktest.Subject{Path: program}, c) })
	}
}

// The catalogue is best a server of the test's own, which the settings name.
func ExampleImporter() {
	var plugin sdk.Plugin // the plugin's own, of main.go
	_ = func(t *testing.T) {
		sdktest.Importer(t, sdktest.Subject{Plugin: plugin}, sdktest.ImporterCase{
			Settings: json.RawMessage(`{"folder": "http://127.0.0.1:8080/models"}`),
			Ref:      "shelf://tiny",
			Missing:  "shelf://tinny",
			Bad:      "shelf://",
			Words:    "tiny",
		})
	}
}
