package sdktest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// The variables that make this test's program a plugin, and a faulty one.
const envServe, envFault = "SDKTEST_SERVE", "SDKTEST_FAULT"

func TestMain(m *testing.M) {
	sdktest.Host()
	if os.Getenv(envServe) != "" {
		begin(os.Getenv(envFault))
		sdk.Serve(plugin(os.Getenv(envFault)))
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/enginebay/enginebay/sdk/process.fork"))
}

func plugin(fault string) sdk.Plugin {
	p := sdk.Plugin{Name: "fake", Version: "1.0.0", Engine: &fake{fault: fault}, Importer: &catalogue{fault: fault},
		Settings: json.RawMessage(`{"type":"object","properties":{"number":{"type":"integer","description":"A number.","default":5}}}`)}
	switch fault {
	case "schema of a list":
		p.Settings = json.RawMessage(`{"type":"array"}`)
	case "undescribed setting":
		p.Settings = json.RawMessage(`{"type":"object","properties":{"number":{"type":"integer"}}}`)
	case "default of another type":
		p.Settings = json.RawMessage(`{"type":"object","properties":{"number":{"type":"integer","description":"A number.","default":"five"}}}`)
	case "older draft":
		p.Settings = json.RawMessage(`{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}`)
	case "schema from elsewhere":
		p.Settings = json.RawMessage(`{"type":"object","properties":{"number":{"$ref":"https://example.com/s.json","description":"A number."}}}`)
	case "odd version":
		p.Version = "new"
	}
	return p
}

func engineCase(t *testing.T) sdktest.Case {
	t.Helper()
	weights := filepath.Join(t.TempDir(), "w.gguf")
	if err := os.WriteFile(weights, []byte("w"), 0o600); err != nil {
		t.Fatal(err)
	}
	return sdktest.Case{
		Model:        sdk.Model{ID: "m", Dir: filepath.Dir(weights), Files: []string{weights}},
		BadSettings:  json.RawMessage(`{"number":"many"}`),
		SlowSettings: json.RawMessage(`{"slow":true}`),
		Foreign:      sdk.Model{ID: "foreign"},
	}
}

var importerCase = sdktest.ImporterCase{Secrets: map[string]string{"token": "s3cret"},
	Ref: "fake://m", Missing: "fake://missing", Bad: "bad", Words: "words"}

// TestSuite passes, unless a fault is asked for. In process nothing may run beside it,
// for its goroutines would be taken for the plugin's.
func TestSuite(t *testing.T) {
	fault := os.Getenv(envFault)
	t.Run("engine", func(t *testing.T) { sdktest.Engine(t, sdktest.Subject{Plugin: plugin(fault)}, engineCase(t)) })
	t.Run("importer", func(t *testing.T) { sdktest.Importer(t, sdktest.Subject{Plugin: plugin(fault)}, importerCase) })
	t.Parallel()
	program := sdktest.Subject{Path: os.Args[0], Env: []string{envServe + "=1", envFault + "=" + fault}, Package: packaged(t, fault)}
	t.Run("engine program", func(t *testing.T) {
		t.Parallel()
		sdktest.Engine(t, program, engineCase(t))
	})
	t.Run("importer program", func(t *testing.T) {
		t.Parallel()
		sdktest.Importer(t, program, importerCase)
	})
}

// TestSuiteFindsFaults: for each fault there is a test that fails, and the
// faultless plugin of TestSuite passes the same one.
func TestSuiteFindsFaults(t *testing.T) {
	t.Parallel()
	found := map[string]chan error{}
	together := make(chan struct{}, 6) // they mostly wait
	for fault, finder := range faults() {
		result := make(chan error, 1)
		found[fault] = result
		go func() {
			together <- struct{}{}
			result <- finds(fault, finder)
			<-together
		}()
	}
	for fault, result := range found {
		t.Run(fault, func(t *testing.T) {
			if err := <-result; err != nil {
				t.Error(err)
			}
		})
	}
}

// finds runs the test that is to find a fault.
func finds(fault, finder string) error {
	cmd := exec.Command(os.Args[0], "-test.run=^TestSuite$/"+pattern(finder))
	cmd.Env = append(os.Environ(), envFault+"="+fault)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--- FAIL: TestSuite/"+finder+" ") {
		return fmt.Errorf("%s does not fail, %v:\n%s", finder, err, out)
	}
	return nil
}

// faults are those of the fake, each with the test that finds it.
func faults() map[string]string {
	all := map[string]string{
		"odd version":                   "engine/describe",
		"schema of a list":              "engine/schema",
		"undescribed setting":           "engine/schema",
		"default of another type":       "engine/schema",
		"older draft":                   "engine/schema",
		"schema from elsewhere":         "engine/schema",
		"manifest of another version":   "engine_program/manifest",
		"manifest without an operation": "engine_program/manifest",
		"manifest with other settings":  "engine_program/manifest",
		"manifest of another ability":   "engine_program/manifest",
		"manifest without the scheme":   "importer_program/manifest",
		"greets strangers":              "engine_program/by-hand/wrong_cookie",
		"is content by hand":            "engine_program/by-hand/no_cookie",
		"says nothing by hand":          "engine_program/by-hand/no_cookie",
		"glued handshake":               "engine_program/handshake",
		"open to all":                   "engine_program/handshake",
		"another handshake":             "engine_program/handshake",
		"second handshake":              "engine_program/noise",
		"writes without end":            "engine_program/noise",
		"configures once":               "engine/configure",
		"inspect fails":                 "engine/inspect",
		"inspect starts something":      "engine/inspect",
		"progress falls":                "engine/load",
		"public socket":                 "engine/load",
		"other name":                    "engine/answer/chat/completions",
		"no end":                        "engine/answer/chat/completions/stream",
		"takes nonsense":                "engine/answer/chat/completions/nonsense",
		"a detour that is no stream":    "engine/answer/chat/completions/stream_with_tool_choice",
		"speech that is text":           "engine/answer/audio/speech",
		"hears nothing":                 "engine/answer/audio/transcriptions",
		"one request at a time":         "engine/parallel",
		"wait returns":                  "engine/close",
		"leaves a goroutine":            "engine/close",
		"leaves a file":                 "engine/close",
		"one at a time":                 "engine/several",
		"ignores the cancel":            "engine/cancel/slow",
		"refuses without a code":        "engine/refuse/settings",
		"loads missing weights":         "engine/refuse/missing_weights",
		"goes on for a while":           "engine/cancel/slow",
		"serves slow readers first":     "engine/slow-reader",
		"cuts slow readers":             "engine/slow-reader",
		"small messages":                "engine/big",
		"small requests":                "engine/big",
		"computes for nobody":           "engine/leave",
		"plain gRPC":                    "engine_program/refuse/unknown_instance",
		"secret in the address":         "importer/resolve",
		"path outside":                  "importer/resolve",
		"local file":                    "importer/resolve",
		"changes its mind":              "importer/resolve",
		"missing is invalid":            "importer/refuse/missing",
		"too many hits":                 "importer/search",
		"hit without a ref":             "importer/search",
	}
	all["writes in the home folder"] = "engine_program/folders"
	all["leaves temporary files"] = "engine_program/folders"
	all["logs secrets"] = "engine_program/secrets"
	all["secret in the error"] = "importer/secrets"
	if runtime.GOOS != "windows" {
		all["ignores SIGTERM"] = "engine_program/end/SIGTERM"
	}
	if runtime.GOOS == "linux" {
		all["leaves an orphan"] = "engine_program/end/SIGKILL"
		all["outlives the core"] = "engine_program/orphan"
		all["secret in a command line"] = "engine_program/secrets"
		all["keeps memory"] = "engine_program/leak"
		all["keeps files open"] = "engine_program/leak"
	}
	return all
}

// pattern matches the test that finds a fault. The name of an operation has
// slashes of its own, which a pattern cannot tell: the whole test runs.
func pattern(finder string) string {
	parts := strings.Split(finder, "/")
	for i, part := range parts {
		parts[i] = "^" + part + "$"
	}
	return strings.Join(parts[:min(2, len(parts))], "/")
}
