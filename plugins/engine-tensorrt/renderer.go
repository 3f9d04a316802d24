package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	gonja "github.com/nikolalohinski/gonja/v2/exec"

	"github.com/enginebay/enginebay/sdk"
)

// A chat template may loop for ever or fill the memory, and nothing in this process
// could stop it. So it is rendered by a second process of the same program, which is
// killed when it takes too long, and ends itself when it takes too much memory.

const (
	rendererEnv    = "ENGINEBAY_TENSORRT_RENDERER"
	rendererMemory = 512 << 20
	rendererStack  = 64 << 20
	renderTime     = 5 * time.Second
)

// job is one conversation to write; the answer is its prompt.
type job struct {
	Template string         `json:"template"`
	Values   map[string]any `json:"values"` // none: the template is read, and not rendered
}

type rendered struct {
	Text  string `json:"text"`
	Error string `json:"error"`
}

// asRenderer makes this process a renderer, where it was started as one.
func asRenderer() bool {
	if os.Getenv(rendererEnv) == "" {
		return false
	}
	debug.SetMaxStack(rendererStack)
	go watchMemory()
	serveJobs(os.Stdin, os.Stdout)
	return true
}

// watchMemory ends the process when its heap has become too large.
func watchMemory() {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for {
		if metrics.Read(sample); sample[0].Value.Uint64() > rendererMemory {
			os.Exit(1)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// serveJobs renders one conversation after the other, until nobody asks any more.
func serveJobs(in io.Reader, out io.Writer) {
	source := ""
	var template *gonja.Template
	jobs, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var j job
		if jobs.Decode(&j) != nil {
			return
		}
		orphan := time.AfterFunc(2*renderTime, func() { os.Exit(1) }) // who asked may be gone
		var answer rendered
		var err error
		if j.Template != source || template == nil {
			template, err = compile(j.Template)
			source = j.Template
		}
		if err == nil && j.Values != nil {
			sequences(j.Values)
			answer.Text, err = renderSafely(template, j.Values)
		}
		if err != nil {
			template, answer.Error = nil, err.Error()
		}
		orphan.Stop()
		if answers.Encode(answer) != nil {
			return
		}
	}
}

// renderSafely makes an error of a panic in the library.
func renderSafely(t *gonja.Template, values map[string]any) (text string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return write(t, values)
}

// A renderer writes prompts by a chat template. Its process is started when it is
// first needed. It may be used concurrently.
type renderer struct {
	template string

	mu    sync.Mutex
	child *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
}

// check says what is wrong with the template itself.
func (r *renderer) check(ctx context.Context) error {
	_, err := r.do(ctx, job{Template: r.template})
	return err
}

// render writes a prompt.
//
// Errors: [sdk.CodeInvalid] for what the template does not take.
func (r *renderer) render(ctx context.Context, values map[string]any) (string, error) {
	return r.do(ctx, job{r.template, values})
}

func (r *renderer) do(ctx context.Context, j job) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil { // it left while it waited: the process is not to be killed for that
		return "", ctx.Err()
	}
	if err := r.start(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, renderTime)
	defer cancel()
	kill := context.AfterFunc(ctx, func() { _ = r.child.Process.Kill() })
	line, err := r.exchange(j)
	if !kill() || err != nil {
		r.stop()
		if errors.Is(ctx.Err(), context.Canceled) {
			return "", ctx.Err()
		}
		return "", sdk.Errorf(sdk.CodeInvalid, "the chat template does not come to an end within %v, or takes more than %d MiB; name another as chat_template", renderTime, rendererMemory>>20)
	}
	var answer rendered
	if err := json.Unmarshal(line, &answer); err != nil {
		return "", err
	}
	if answer.Error != "" {
		return "", sdk.Errorf(sdk.CodeInvalid, "the chat template says: %s", short(answer.Error))
	}
	return answer.Text, nil
}

func (r *renderer) exchange(j job) ([]byte, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	if _, err := r.in.Write(append(text, '\n')); err != nil {
		return nil, err
	}
	return r.out.ReadBytes('\n')
}

func (r *renderer) start() error {
	if r.child != nil {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self)
	child.Env = []string{rendererEnv + "=1"} // nothing else: what it renders is hostile
	in, err := child.StdinPipe()
	if err != nil {
		return err
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return fmt.Errorf("start the renderer of chat templates: %w", err)
	}
	r.child, r.in, r.out = child, in, bufio.NewReader(out)
	return nil
}

// stop ends the process.
func (r *renderer) stop() {
	_ = r.in.Close()
	_ = r.child.Process.Kill()
	_ = r.child.Wait() // it was killed
	r.child = nil
}

// close ends the renderer.
func (r *renderer) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.child != nil {
		r.stop()
	}
}

// short is a text of others on one line.
func short(text string) string {
	line := string(bytes.Join(bytes.Fields([]byte(text)), []byte(" ")))
	if len(line) > 300 {
		line = line[:300] + "…"
	}
	return line
}
