package pluginhost_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/pluginhost"
)

// plugins is a folder with two plugins: echo (examples/engine-echo) and rogue (testdata/rogue).
var plugins string

// hostEnv makes this test binary a core that runs the rogue, for tests that kill
// it; its value is the folder of plugins.
const hostEnv = "PLUGINHOST_TEST_HOST"

func TestMain(m *testing.M) {
	if dir := os.Getenv(hostEnv); dir != "" {
		runHost(dir, os.Args[1], os.Args[2])
	}
	code, err := test(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func test(m *testing.M) (int, error) {
	var err error
	if plugins, err = os.MkdirTemp("", "eb-plugins"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(plugins)
	for name, source := range map[string]string{"echo": "../../examples/engine-echo", "rogue": "testdata/rogue"} {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(plugins, name)+"/bin/", "./"+source).CombinedOutput(); err != nil {
			return 0, fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
		manifest, err := os.ReadFile(filepath.Join(source, pluginhost.ManifestFile))
		if err != nil {
			return 0, err
		}
		if err := os.WriteFile(filepath.Join(plugins, name, pluginhost.ManifestFile), manifest, 0o600); err != nil {
			return 0, err
		}
	}
	code := m.Run()
	if code == 0 {
		// sdk/process keeps the thread that forks for the life of the program.
		err = goleak.Find(goleak.IgnoreTopFunction("github.com/enginebay/enginebay/sdk/process.fork"))
	}
	return code, err
}

// runHost is a core: it logs to standard output, and stays until it is killed.
func runHost(dir, home, rogue string) {
	host, err := pluginhost.New(pluginhost.Config{Plugins: pluginhost.Dirs(dir), RunDir: filepath.Join(home, "run"), DataDir: filepath.Join(home, "data"),
		Log: hclog.New(&hclog.LoggerOptions{Output: os.Stdout, JSONFormat: true})})
	if err != nil {
		panic(err)
	}
	if _, err := host.Connect(context.Background(), pluginhost.Deployment{ID: "d", Plugin: "rogue", Env: map[string]string{"ROGUE": rogue}}); err != nil {
		panic(err)
	}
	time.Sleep(time.Hour)
}
