package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// bench is one run: the server with its models, and what came of it.
type bench struct {
	build, home string
	size        size
	interrupted <-chan os.Signal
	started     []*exec.Cmd // to be ended
	server      target
	rows        []row
}

// manyModels is how many models the server has in its list.
const manyModels = 100

// prepare fills the home folder.
func (b *bench) prepare() error {
	weights, err := filepath.Abs("examples/models/tiny-guide/tiny-guide.gguf")
	if err != nil {
		return err
	}
	models := map[string]string{
		"echo":       `{"engine":"echo","format":"api"}`,
		"paced":      `{"engine":"echo","format":"api","settings":{"tokens_per_second":50}}`,
		"tiny-guide": fmt.Sprintf(`{"sources":[{"url":%q}]}`, weights),
	}
	for i := range manyModels - len(models) {
		models[fmt.Sprintf("model-%02d", i)] = `{"engine":"echo","format":"api","name":"one of many","parameters":{"temperature":0.7,"stop":["<|end|>"]}}`
	}
	for id, content := range models {
		dir := filepath.Join(b.home, "models", id)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "model.json"), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// serve starts a server and returns when it has answered GET /v1/models, with
// the time that this took.
func (b *bench) serve() (target, time.Duration, error) {
	addr, err := freeAddr()
	if err != nil {
		return target{}, 0, err
	}
	cmd := exec.Command(filepath.Join(b.build, "enginebay"), "serve", "--home", b.home, "--addr", addr,
		"--plugin-dir", filepath.Join(b.build, "examples"), "--log-level", "warn")
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := b.start(cmd); err != nil {
		return target{}, 0, err
	}
	t := target{network: "tcp", addr: addr, pid: cmd.Process.Pid}
	for {
		resp, err := http.Get("http://" + addr + "/v1/models")
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			return t, time.Since(began), err
		}
		if time.Since(began) > 10*time.Second {
			return target{}, 0, fmt.Errorf("the server does not answer: %w", err)
		}
		time.Sleep(time.Millisecond / 2)
	}
}

func freeAddr() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// proxy starts the bare proxy before a socket.
func (b *bench) proxy(socket string) (target, error) {
	self, err := os.Executable()
	if err != nil {
		return target{}, err
	}
	cmd := exec.Command(self, "proxy", socket)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return target{}, err
	}
	if err := b.start(cmd); err != nil {
		return target{}, err
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	return target{network: "tcp", addr: strings.TrimSpace(addr), pid: cmd.Process.Pid}, err
}

func (b *bench) start(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w; run \"make build llamacpp\" first", err)
	}
	b.started = append(b.started, cmd)
	return nil
}

// end ends one process that was started.
func (b *bench) end(t target) error {
	i := slices.IndexFunc(b.started, func(cmd *exec.Cmd) bool { return cmd.Process.Pid == t.pid })
	cmd := b.started[i]
	b.started = slices.Delete(b.started, i, i+1)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	return cmd.Wait()
}

func (b *bench) stop() {
	for len(b.started) > 0 {
		_ = b.end(target{pid: b.started[0].Process.Pid})
	}
}

// load starts a model and returns the three ways to it: the engine's own socket,
// the bare proxy, and the server.
func (b *bench) load(model string) ([]target, error) {
	before, err := b.sockets()
	if err != nil {
		return nil, err
	}
	if err := b.put(model, "start"); err != nil {
		return nil, err
	}
	after, err := b.sockets()
	if err != nil {
		return nil, err
	}
	after = slices.DeleteFunc(after, func(socket string) bool { return slices.Contains(before, socket) })
	for _, socket := range after {
		if len(after) > 1 && answersWhole(socket) {
			continue
		}
		proxy, err := b.proxy(socket)
		return []target{{network: "unix", addr: socket}, proxy, b.server}, err
	}
	return nil, fmt.Errorf("the engine of %s has no socket", model)
}

// answersWhole says whether a socket is for what does not stream alone: that of
// the plugin beside llama-server's own (sdk.Endpoint.Detour).
func answersWhole(socket string) bool { return strings.HasSuffix(socket, "-d.sock") }

// sockets are those of the engines' endpoints.
func (b *bench) sockets() (found []string, err error) {
	dir, err := filepath.EvalSymlinks(filepath.Join(b.home, "run"))
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".sock") {
			found = append(found, path)
		}
		return err
	})
	return found, err
}

// put starts or stops a model.
func (b *bench) put(model, verb string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+b.server.addr+"/v1/models/"+model+"/"+verb, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %d %s", verb, model, resp.StatusCode, text)
	}
	return nil
}
