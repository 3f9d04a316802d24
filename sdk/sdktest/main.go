package sdktest

import (
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// Main is the TestMain of a plugin's package: it builds the plugin's program,
// which a [Subject] then names by Path, runs the tests, and fails where they leak
// goroutines; those of a library that never end are known to it. It does not
// return.
//
//	var program string
//
//	func TestMain(m *testing.M) { sdktest.Main(m, &program) }
func Main(m *testing.M, program *string, known ...goleak.Option) {
	Host()
	dir, err := os.MkdirTemp("", "plugin")
	if err != nil {
		log.Fatal(err)
	}
	built.dir, built.programs = dir, map[string]string{}
	*program = filepath.Join(dir, "plugin.exe") // a name that every system runs
	build := exec.Command("go", "build", "-o", *program, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		log.Fatalf("go build: %v", err)
	}
	goleak.VerifyTestMain(m, append(known, forks, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))...)
}

// forks is the goroutine of sdk/process that never ends.
var forks = goleak.IgnoreAnyFunction("github.com/enginebay/enginebay/sdk/process.fork")
