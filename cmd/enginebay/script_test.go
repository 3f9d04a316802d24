package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/enginebay/enginebay/core/database/databasetest"
)

// goEnv is a setting of Go on this machine: scripts have no home to find it by.
func goEnv(t testing.TB, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatalf("go env %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// buildEcho builds another version of examples/engine-echo.
func buildEcho(t *testing.T, version string) string {
	t.Helper()
	program := t.TempDir() + "/engine-echo"
	out, err := exec.Command("go", "build", "-C", root, "-buildvcs=false", "-trimpath", "-ldflags", "-s -w -X main.version="+version, "-o", program, "./examples/engine-echo").CombinedOutput()
	if err != nil {
		t.Fatalf("build of echo %s: %v\n%s", version, err, out)
	}
	return program
}

// TestScripts runs the command line as people do, against one real server.
func TestScripts(t *testing.T) {
	b := startServer(t, newHome(t))
	writeFile(t, b.home+"/models/broken/model.json", "{\n  \"settings\": {\"ctx_len\": \"many\"}\n}\n")
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if status, _ := b.do("GET", "/v1/models/broken", ""); status == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a new model folder is not seen")
		}
	}
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	web := httptest.NewServer(http.FileServer(http.Dir(root + "/examples/models/tiny-guide")))
	t.Cleanup(web.Close)
	folder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/index.json" {
			fmt.Fprint(w, `{"models": [{"name": "tiny", "description": "A tiny model", "files": [{"path": "tiny.gguf", "size": 9}]}]}`)
		} else {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(folder.Close)
	weights, err := os.ReadFile(root + "/examples/models/tiny-guide/tiny-guide.gguf")
	if err != nil {
		t.Fatal(err)
	}
	hub := startHub(t, map[string]string{"acme/tiny-GGUF/tiny.Q4_K_M.gguf": string(weights), "acme/tiny-GGUF/tiny.Q8_0.gguf": string(weights)})
	echo2 := buildEcho(t, "0.2.0")
	postgres := databasetest.URL(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("ENGINEBAY_ADDR", b.addr())
			env.Setenv("ENGINEBAY_HOME", env.WorkDir+"/home")
			env.Setenv("ENGINEBAY_NO_START", "1")
			env.Setenv("BUILD", build)
			env.Setenv("WEIGHTS", mustAbs(root+"/examples/models/tiny-guide/tiny-guide.gguf"))
			env.Setenv("EXAMPLES", mustAbs(root+"/examples"))
			env.Setenv("CHECKOUT", mustAbs(root))
			for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY"} {
				env.Setenv(name, goEnv(t, name))
			}
			env.Setenv("SERVER", b.addr())
			env.Setenv("WEB", web.URL)
			env.Setenv("HUB", hub)
			env.Setenv("FOLDER", folder.URL)
			env.Setenv("ECHO2", echo2)
			env.Setenv("POSTGRES", postgres) // an empty database, for one script
			env.Setenv("PROGRAM", build+"/examples/engine-echo/bin/engine-echo")
			env.Setenv("OTHER_PROGRAM", other.Listener.Addr().String())
			env.Setenv("FREE_ADDR", freeAddr(t))
			env.Defer(func() { stopServer(t, env.WorkDir+"/home") })
			return os.MkdirAll(env.WorkDir+"/home", 0o700)
		},
	})
}
