package sdktest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/enginebay/enginebay/sdk"
	corehost "github.com/enginebay/enginebay/sdk/host"
)

// envHost names the file with what a process is to do that is a host to be killed.
const envHost = "ENGINEBAY_SDKTEST_HOST"

// hosts says whether this program calls [Host].
var hosts bool

// Host makes this process a host of a plugin that is to be killed, where the suite has
// started it as one, and does not return then. A program that runs the suite calls it
// first; [Main] does.
func Host() {
	hosts = true
	file := os.Getenv(envHost)
	if file == "" {
		return
	}
	fmt.Println(hostPlugin(file))
	select {} // until it is killed
}

// A hosted is what such a host does with the plugin.
type hosted struct {
	Path          string
	Launcher, Env []string
	Files         int // that the host has, and the plugin inherits, from 3 on
	Configuration sdk.Configuration
	Load          *sdk.LoadRequest
	Resolve       sdk.Ref
}

// hostPlugin starts the plugin and has it work. What it returns is read by the suite.
func hostPlugin(file string) string {
	data, err := os.ReadFile(file)
	var job hosted
	if err == nil {
		err = json.Unmarshal(data, &job)
	}
	if err != nil {
		return err.Error()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 6*patience)
	defer cancel()
	var files []*os.File
	for i := range job.Files {
		files = append(files, os.NewFile(uintptr(3+i), "inherited"))
	}
	plugin, err := corehost.Start(ctx, corehost.Config{Path: job.Path, Launcher: job.Launcher, Files: files, Dir: job.Configuration.RunDir, Env: job.Env, Line: func(string) {}})
	if err == nil {
		err = plugin.Configure(ctx, job.Configuration)
	}
	if err == nil && job.Load != nil {
		_, err = plugin.Load(ctx, *job.Load, nil)
	} else if err == nil {
		_, err = plugin.Resolve(ctx, job.Resolve)
	}
	if err != nil {
		return err.Error()
	}
	return "ready"
}

// hostDies: the core is killed in the middle of its work, and can tidy nothing up.
func (w *work) hostDies(t T) {
	switch {
	case runtime.GOOS != "linux":
		t.Skipf("only Linux shows what is left")
	case !hosts:
		t.Skipf("the TestMain of the package does not call sdktest.Main or sdktest.Host")
	}
	h := w.start(t) // for the schema's defaults; it ends as usual
	dir := folder(t)
	job := hosted{Path: w.Path,
		Configuration: sdk.Configuration{Deployment: "conformance", Settings: h.effective(t, w.settings), Secrets: w.secrets,
			RunDir: filepath.Join(dir, "run"), DataDir: filepath.Join(dir, "data"), LogLevel: "info"}}
	w.order(t, h, &job)
	for _, d := range []string{job.Configuration.RunDir, job.Configuration.DataDir} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatalf("%v", err)
		}
	}
	held, err := w.confined(job.Configuration.RunDir, job.Configuration.DataDir)
	if err != nil {
		t.Fatalf("confine the plugin: %v", err)
	}
	t.Cleanup(held.End)
	job.Launcher, job.Env, job.Files = held.Launcher, held.Environment(w.environment()), len(held.Files)
	host := w.host(t, dir, job, held.Files)
	held.Started()
	children := descendants(host.Process.Pid)
	if len(children) == 0 {
		t.Fatalf("the host has no plugin")
	}
	_ = host.Process.Kill()
	_ = host.Wait()
	gone(t, children, settle)
}

// host starts this program as a host, and returns when its plugin works.
func (w *work) host(t T, dir string, job hosted, files []*os.File) *exec.Cmd {
	t.Helper()
	data, err := json.Marshal(job)
	if err != nil {
		t.Fatalf("%v", err)
	}
	file := filepath.Join(dir, "job.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatalf("%v", err)
	}
	cmd := exec.Command(program)
	cmd.Env, cmd.ExtraFiles = append(os.Environ(), envHost+"="+file), files
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("start a host: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	said := make(chan string, 1)
	go func() {
		scan := bufio.NewScanner(out)
		scan.Scan()
		said <- scan.Text()
	}()
	select {
	case line := <-said:
		if line != "ready" {
			t.Fatalf("the host: %s", line)
		}
	case <-time.After(6 * patience):
		t.Fatalf("the host's plugin does not begin to work")
	}
	return cmd
}

// order is to load the case's model.
func (e *engine) order(t T, h *host, job *hosted) {
	req := e.request(t, h, nil)
	job.Load = &req
}

// order is to resolve the case's ref.
func (i *importer) order(_ T, _ *host, job *hosted) { job.Resolve = i.Ref }
